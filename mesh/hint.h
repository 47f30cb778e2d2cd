/* SPDX-License-Identifier: MPL-2.0 */
#ifndef MESH_HINT_H
#define MESH_HINT_H
/*
 * A node with work it cannot start tells a few others (HINT), and goes on to tell more while
 * the work waits. Who was told remembers it until it hears that nothing waits here any more.
 */
#include "mesh/state.h"

/* The end of every step: tells the next few when it is time. */
void hint_kick(struct mesh *m);
/* When to tell more; STATE_NEVER when nothing waits. */
uint64_t hint_next(const struct mesh *m);
void hint_on_hint(struct mesh *m, const struct id *from, struct wire_reader *r);
#endif
