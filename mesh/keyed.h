/* SPDX-License-Identifier: MPL-2.0 */
#ifndef MESH_KEYED_H
#define MESH_KEYED_H
/*
 * Jobs with an idempotency key. The job's id is a hash of the key, its replicas come from
 * everybody known in rendezvous order, and it is created through PREPARE: two nodes that try
 * at once meet in the replicas' promises, and one job results.
 */
#include "mesh/state.h"

void keyed_submit(struct mesh *m, const struct asker *who, const struct origin *origin,
                  struct span spec, struct span frame);
/* Says whether a new key would be taken now: DONE, or the refusal it would get. */
void keyed_ready(struct mesh *m, const struct asker *who);
/* A majority says that nobody has it. */
void keyed_create(struct mesh *m, struct job *j);
#endif
