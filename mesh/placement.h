/* SPDX-License-Identifier: MPL-2.0 */
#ifndef MESH_PLACEMENT_H
#define MESH_PLACEMENT_H
/*
 * Who keeps a job: its home and the first of the others in rendezvous order (highest random
 * weight, Thaler and Ravishankar 1996) of the job's id, distinct zones first. The set is
 * written into the job, so nodes with different views never disagree about who votes.
 */
#include "mesh/state.h"

/* The first set of a job made here. */
void placement_new(const struct mesh *m, const struct id *jid, struct value *ret_value);
/* A node to add to `v`'s set: the best that is not in it. False when there is none. */
bool placement_next(const struct mesh *m, const struct id *jid, const struct value *v,
                    struct id *ret_nid);
/* The set of a keyed job: over everybody known, up or not. While a change of who is known may
 * be news somewhere, `prev` is the set that a node which has not heard of it would find, and a
 * majority of both is due: two nodes that create one key at once have a set in common, and its
 * majorities meet. */
void placement_keyed(const struct mesh *m, const struct id *jid, struct value *ret_value);
/* The same, and who else may hold what was made under the key when the mesh was smaller: those who
 * had a place in its order among all that came no later. Returns how many; 0, and nobody, when the
 * key's sets were always these. */
uint32_t placement_create(const struct mesh *m, const struct id *jid, struct value *ret_value,
                          struct id *ret_elders, uint32_t max);
/* Copies that every key must have in each of its sets. */
uint32_t placement_copies(const struct mesh *m);
/* The sets of `v` by name, for a replica to compare with its own; how many. */
enum { PLACEMENT_SETS = 2 };
uint32_t placement_names(const struct value *v, uint64_t ret_names[PLACEMENT_SETS]);
/* True when a key may be given a set now. Two sides that know different nodes could give one key
 * two sets, and it two results: a side that reaches no majority of all it knows may give none,
 * nor may a node that started lately and does not know as many as it was told to expect. */
bool placement_settled(const struct mesh *m);
/* Copies a job needs before it may be acknowledged. */
uint32_t placement_least(const struct mesh *m);
/* Enough nodes are up for a new job to be kept safe. */
bool placement_quorum(const struct mesh *m);
uint64_t placement_weight(const struct id *jid, const struct id *nid);
#endif
