/* SPDX-License-Identifier: MPL-2.0 */
#ifndef MESH_TALLY_H
#define MESH_TALLY_H
/*
 * How many jobs of this node are in which state, counted as they change and never by walking:
 * there may be a million of them, and somebody asks four times a second.
 */
#include "mesh/state.h"

void tally_init(struct mesh *m);
void tally_done(struct mesh *m);
/* Counts the job as it is now instead of as it was; cheap when nothing changed. */
void tally_set(struct mesh *m, struct job *j);
void tally_remove(struct mesh *m, struct job *j);
/* By state, each job told by one node only (list_is_teller()); adds to `jobs`. */
void tally_states(const struct mesh *m, uint64_t jobs[MESSAGE_STATE_N]);
/* Asserts that it is what a walk would find. */
void tally_check(const struct mesh *m);
#endif
