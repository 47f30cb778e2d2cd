/* SPDX-License-Identifier: MPL-2.0 */
#ifndef MESH_SCHED_H
#define MESH_SCHED_H
/*
 * From the queue into the slots of this node; what is left over is work for others. A job in a
 * language that another node has, and this one not, is left for a peer.
 */
#include "mesh/state.h"

/* Into the queue; its kind is filled in. */
void sched_add(struct mesh *m, struct job *j, struct queue_wish *wish);
/* No more are to be accepted. */
bool sched_is_full(const struct mesh *m);
/* A job could start here, were there a slot. */
bool sched_waits_for_slot(struct mesh *m);
/* A random peer that is up and has a language which is waited for, and is not here; or false. */
bool sched_able(struct mesh *m, struct id *ret_peer);

/* Starts what can start here. The end of every step. */
void sched_run(struct mesh *m);
/* The most deserving job that `peer` can run, out of the queue; or NULL. */
struct job *sched_take_for(struct mesh *m, const struct id *peer);
#endif
