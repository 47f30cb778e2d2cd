/* SPDX-License-Identifier: MPL-2.0 */
#ifndef MESH_SCHED_H
#define MESH_SCHED_H
/* From the queue into the slots of this node; what is left over is work for others. */
#include "mesh/state.h"

/* Starts what can start here. The end of every step. */
void sched_run(struct mesh *m);
/* The most deserving job of class `class_max` or more urgent, out of the queue; or NULL. */
struct job *sched_take(struct mesh *m, uint8_t class_max);
#endif
