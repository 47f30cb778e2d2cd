/* SPDX-License-Identifier: MPL-2.0 */
#ifndef MESH_LAG_H
#define MESH_LAG_H
/*
 * Who is behind: a copy that this node tells of a job's newest state, and that has not confirmed
 * it, lags. Counted as jobs change and never by walking; a copy that does not lag costs a pointer.
 */
#include "mesh/state.h"

void lag_init(struct mesh *m);
void lag_done(struct mesh *m);
/* Counts the job's copies as they are now; cheap when nothing changed. */
void lag_set(struct mesh *m, struct job *j);
/* This copy, or all of them, is not the job's any more. */
void lag_drop(struct mesh *m, struct replica *p);
void lag_remove(struct mesh *m, struct job *j);
/* Asserts that it is what a walk would find. */
void lag_check(const struct mesh *m);
#endif
