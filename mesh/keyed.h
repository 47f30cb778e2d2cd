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
/* The key still belongs to that set, as far as this node knows. */
bool keyed_is_placed(const struct mesh *m, const struct id *jid, const struct value *set);
/* A replica that has nothing under a key promises its creation only when it would place it with
 * `from` and itself, too: who knows other nodes must not decide without them. */
bool keyed_may_promise(const struct mesh *m, const struct id *jid, const struct id *from);
/* A majority says that nobody has it. */
void keyed_create(struct mesh *m, struct job *j);
#endif
