/* SPDX-License-Identifier: MPL-2.0 */
#ifndef MESH_OWNER_H
#define MESH_OWNER_H
/*
 * What the owner of a job does with it: queue it, start it, take its outcome, end it. Every
 * step is a new version of the job's value; a client sees an end only when it is decided.
 */
#include "mesh/state.h"

/* This node won r.acc (r.v is what it will propose first). */
void owner_begin(struct mesh *m, struct job *j);
/* Stops owning; nothing is said to anybody. */
void owner_end(struct mesh *m, struct job *j);
void owner_progress(struct mesh *m, struct job *j);
void owner_due(struct mesh *m, struct job *j);
uint64_t owner_next(const struct mesh *m, const struct job *j);

/* Starts the next attempt, here (`peer` NULL) or there. The job is out of the queue. */
void owner_start(struct mesh *m, struct job *j, const struct id *peer);
void owner_started(struct mesh *m, struct job *j, const char *node);
/* `event`: an encoded struct result_event. */
void owner_event(struct mesh *m, struct job *j, struct span event);

struct owner_outcome {
    uint64_t epoch;
    uint32_t attempt;
    enum mesh_outcome outcome;
    struct span bytes;
    const char *node; /* that ran it */
};
/* True when nobody needs to offer it again. */
bool owner_take_outcome(struct mesh *m, struct job *j, const struct owner_outcome *o);
/* The run under way is lost with its executor. */
void owner_lost(struct mesh *m, struct job *j);
/* A run that was given away came back unstarted. */
void owner_returned(struct mesh *m, struct job *j);
/* The flag is set: ends it. */
void owner_cancel(struct mesh *m, struct job *j);
/* Counts a failure in `v`; true when it was one too many. */
bool owner_count_failure(const struct mesh *m, struct value *v);
/* Makes `v` an end. */
void owner_set_end(const struct mesh *m, struct value *v, enum record_end end, const char *reason);
#endif
