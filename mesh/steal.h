/* SPDX-License-Identifier: MPL-2.0 */
#ifndef MESH_STEAL_H
#define MESH_STEAL_H
/*
 * Push hints, pull jobs: a node with work it cannot start tells a few others (HINT); a node
 * with free slots asks for as many jobs as it can start (STEAL), and is given some (GRANT).
 * Ownership stays where it is: what moves is one run, under a lease that the executor renews
 * (RUNNING). A job moves only when a slot is free for it, so it never waits twice.
 */
#include "mesh/state.h"

/* What every frame about a run calls it. */
struct run_name {
    struct id jid;
    uint64_t epoch;
    uint32_t attempt;
};
void run_name_put(struct buf *b, const struct run_name *n);
struct run_name run_name_get(struct wire_reader *r);

/* The end of every step: tells, or asks, when there is reason to. */
void steal_kick(struct mesh *m);
/* What others are told of this node, as of now. */
void steal_update_load(struct mesh *m);
void steal_start(struct mesh *m);
/* Slots kept for jobs that were asked for. */
uint32_t steal_reserved(const struct mesh *m);

/* The owner's side. */
void steal_grant(struct mesh *m, struct job *j);
void steal_spec(struct mesh *m, struct job *j, const struct id *peer, int status, struct span spec);
void steal_kill(struct mesh *m, const struct job *j);
/* Its result is decided. */
void steal_ack(struct mesh *m, const struct job *j);

/* The executor's side. */
void steal_tell_running(struct mesh *m, const struct id *owner);
void steal_tell_progress(struct mesh *m, const struct run *run, struct span event);
/* Offers an outcome to whoever may own the job; `j` is this node's copy, or NULL. */
void steal_offer(struct mesh *m, struct run *run, const struct job *j);

void steal_on_steal(struct mesh *m, const struct id *from, struct wire_reader *r);
void steal_on_grant(struct mesh *m, const struct id *from, struct wire_reader *r);
void steal_on_deny(struct mesh *m, const struct id *from, struct wire_reader *r);
void steal_on_return(struct mesh *m, const struct id *from, struct wire_reader *r);
void steal_on_running(struct mesh *m, const struct id *from, struct wire_reader *r);
void steal_on_progress(struct mesh *m, const struct id *from, struct wire_reader *r);
void steal_on_result(struct mesh *m, const struct id *from, struct wire_reader *r);
void steal_on_result_ack(struct mesh *m, const struct id *from, struct wire_reader *r);
void steal_on_kill(struct mesh *m, const struct id *from, struct wire_reader *r);
#endif
