/* SPDX-License-Identifier: MPL-2.0 */
#ifndef MESH_SCHED_H
#define MESH_SCHED_H
/*
 * From the queue into the slots of this node; what is left over is work for others. Jobs in a
 * language that is not here, but on another node, stand apart in the queue, so that none of them
 * is in the way of one that could start here.
 */
#include "mesh/state.h"

/* Into the queue; whether it stands apart is filled in. */
void sched_add(struct mesh *m, struct job *j, struct queue_wish *wish);
/* Who can run what has changed: each job stands where it belongs now. */
void sched_sort(struct mesh *m);
/* No more are to be accepted. */
bool sched_is_full(const struct mesh *m);

/* Starts what can start here. The end of every step. */
void sched_run(struct mesh *m);
/* The most deserving job that `peer` can run, out of the queue; or NULL. */
struct job *sched_take_for(struct mesh *m, const struct id *peer);
#endif
