/* SPDX-License-Identifier: MPL-2.0 */
#ifndef MESH_KEYED_H
#define MESH_KEYED_H
/*
 * Jobs with an idempotency key. The job's id is a hash of the key, its replicas come from
 * everybody known in rendezvous order, and it is created through PREPARE: two nodes that try
 * at once meet in the replicas' promises, and one job results.
 */
#include "mesh/placement.h"

void keyed_submit(struct mesh *m, const struct asker *who, const struct origin *origin,
                  struct span spec, struct span frame);
/* Who answers a submit under this key, as far as is known here: who owns its job, or creates it.
 * Zero: none is up. */
struct id keyed_target(const struct mesh *m, const struct id *jid);
/* Says whether a new key would be taken now: DONE, or the refusal it would get. */
void keyed_ready(struct mesh *m, const struct asker *who);
/* A creation comes to nothing: it took so long that its sets may be forgotten elsewhere, or, nobody
 * having the job, they are not the key's sets any more. */
bool keyed_is_over(const struct mesh *m, const struct job *j);
/* A replica that has nothing under a key promises its creation only when one of the sets that
 * are asked is, to its knowledge, one of the key's: PREPARE names them. */
struct keyed_sets {
    uint32_t n; /* 0: no creation */
    uint64_t names[PLACEMENT_SETS];
};
void keyed_put_sets(struct buf *b, const struct value *sets);
void keyed_get_sets(struct wire_reader *r, struct keyed_sets *ret_sets);
bool keyed_may_promise(const struct mesh *m, const struct id *jid, const struct keyed_sets *sets);
/* Its job came to its end and was forgotten. It is not made again: the same request is told
 * that it was served, another that its key is taken. */
void keyed_forgotten(struct mesh *m, const struct id *jid, const struct asker *who,
                     const struct origin *origin);
/* A majority says that nobody has it. */
void keyed_create(struct mesh *m, struct job *j);
#endif
