/* SPDX-License-Identifier: MPL-2.0 */
#ifndef MESH_SCHED_H
#define MESH_SCHED_H
/*
 * The jobs that this node owns and that wait: from the queue into its slots, or to peers that
 * come for them. Jobs in a language that is not here, but on another node, wait apart, so that
 * none of them stands in the way of one that could start here.
 */
#include "mesh/state.h"

void sched_init(struct mesh *m);
void sched_done(struct mesh *m);

void sched_add(struct mesh *m, struct job *j, const struct queue_wish *wish);
/* Takes it out, wherever it stands; nothing happens when it is not in. */
void sched_remove(struct mesh *m, struct job *j);
/* Who can run what has changed: each job goes where it belongs now. */
void sched_sort(struct mesh *m);

/* Starts what can start here. The end of every step. */
void sched_run(struct mesh *m);
/* The most deserving job that `peer` can run, out of the queue; or NULL. */
struct job *sched_take_for(struct mesh *m, const struct id *peer);

/* Ready jobs: all, of a class, and the most urgent class that has one (LIMIT_PRIORITIES: none). */
uint32_t sched_waiting(const struct mesh *m);
uint32_t sched_waiting_of(const struct mesh *m, uint8_t class_now);
uint8_t sched_top(const struct mesh *m);
/* Of them, those that only wait for a slot here. */
uint32_t sched_waiting_here(const struct mesh *m);
/* When the job that waits longest began to; UINT64_MAX: none does. */
uint64_t sched_oldest_ns(const struct mesh *m);
uint32_t sched_delayed(const struct mesh *m);
/* No more are to be accepted. */
bool sched_is_full(const struct mesh *m);
/* When the next delayed job becomes ready. */
uint64_t sched_deadline(const struct mesh *m);
void sched_check(const struct mesh *m);
#endif
