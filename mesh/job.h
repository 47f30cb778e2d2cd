/* SPDX-License-Identifier: MPL-2.0 */
#ifndef MESH_JOB_H
#define MESH_JOB_H
/* The jobs a node has a record of, each with one timer for everything that is due for it. */
#include "mesh/state.h"

struct job *job_find(const struct mesh *m, const struct id *jid);
/* A job with an empty record. */
struct job *job_new(struct mesh *m, const struct id *jid);
/* Takes it out of everything; its memory lasts until job_bury(). The store is not touched. */
void job_remove(struct mesh *m, struct job *j);
/* Frees what was removed; the end of every step. */
void job_bury(struct mesh *m);
void job_free(struct mesh *m, struct job *j);

/* A vote came in, or the disk caught up: goes as far as it can. */
void job_progress(struct mesh *m, struct job *j);
/* Sets the timer to the first thing that is due. Called after every change. */
void job_arm(struct mesh *m, struct job *j);
/* The decision was learnt here, by whatever way. */
void job_decided(struct mesh *m, struct job *j);
/* The accepted value is not this node's own: it owned the job and does not any more. */
void job_deposed(struct mesh *m, struct job *j);

/* Who should be acting on it: the holder of the highest ballot this node has heard of. */
const struct id *job_responsible(const struct job *j);
/* Of a record that is decided. */
enum message_state job_end_state(const struct record *r);
enum message_state job_state(const struct mesh *m, const struct job *j);
/* Rises with every change a client can see. */
uint64_t job_version(const struct job *j);
/* Without the result. */
void job_view(const struct mesh *m, const struct job *j, struct message_job *ret_view);
#endif
