/* SPDX-License-Identifier: MPL-2.0 */
#ifndef MESH_RECONFIG_H
#define MESH_RECONFIG_H
/*
 * Another set of replicas for a job, one member at a time, and always through a version that
 * a majority of the old and of the new set holds (joint quorum): then ver + 1 with the new
 * set alone. Never without: a majority of each alone could decide two different ends.
 */
#include "mesh/state.h"

/* Looks at a share of the jobs owned here, and changes sets that need it. */
void reconfig_start(struct mesh *m);
/* A decided job whose set needs a change: takes it over for that, when it is this node's turn. */
void reconfig_decided(struct mesh *m, struct job *j);
/* Before the first version of a ballot: one of a set of two is lost for good, and nothing can
 * be settled with it any more. */
void reconfig_first(struct mesh *m, struct job *j);
/* Starts a change if one is wanted; the job is owned here, and settled. */
bool reconfig_try(struct mesh *m, struct job *j);
/* True when the set is smaller than it could be, or one of it is gone. */
bool reconfig_wanted(const struct mesh *m, const struct job *j);
#endif
