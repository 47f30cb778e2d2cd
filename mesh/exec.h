/* SPDX-License-Identifier: MPL-2.0 */
#ifndef MESH_EXEC_H
#define MESH_EXEC_H
/*
 * What runs in the slots of this node, whoever owns it. A run is named (job, epoch, attempt).
 * It keeps its outcome until an owner has taken it, also when the owner it knew is gone: a
 * later owner can use it.
 */
#include "mesh/state.h"

/* Slots that are neither busy nor promised to somebody. */
uint32_t exec_free(const struct mesh *m);
/* The job is this node's own: reads its spec and starts it. */
void exec_own(struct mesh *m, struct job *j);
/* A run for another owner; `spec` came with the grant. */
struct exec_grant {
    struct id jid;
    struct id owner;
    uint64_t epoch;
    uint32_t attempt;
    uint8_t n_rset;
    struct id rset[LIMIT_REPLICAS];
    struct span spec;
};
void exec_granted(struct mesh *m, const struct exec_grant *g);
/* The spec was read, or could not be. */
void exec_spec(struct mesh *m, uint64_t exec, int status, struct span spec);
/* Kills every run of the job here; nobody wants what comes of it. */
void exec_stop(struct mesh *m, const struct id *jid);
/* The same for one run. */
void exec_kill(struct mesh *m, struct run *run);
/* Kills all so that others can run it: their owners requeue. */
void exec_stop_all(struct mesh *m);
struct run *exec_find(const struct mesh *m, const struct id *jid, uint64_t epoch, uint32_t attempt);
/* The owner has the outcome. */
void exec_settled(struct mesh *m, struct run *run);
/* Offers outcomes again that are due; tells owners what runs. */
void exec_tick(struct mesh *m);
uint64_t exec_deadline(const struct mesh *m);
void exec_done_all(struct mesh *m);
/* The driver's events. */
void exec_on_event(struct mesh *m, const struct mesh_event *e);
#endif
