/* SPDX-License-Identifier: MPL-2.0 */
#ifndef MESH_PURGE_H
#define MESH_PURGE_H
/*
 * Keeping decided jobs for a while, and forgetting them for good. A job is deleted only when
 * every member of its set holds the decision; what stays is its number, in intervals per
 * home, so that nothing late can bring it back. Keyed jobs stay one by one, with the hash of
 * their request: their keys stay used, and the same request is answered as a duplicate. One
 * whose callback is owed (owed.h) is kept for OWED_KEEP_S at least, so that it can be told.
 */
#include "mesh/state.h"

/* After every change of a job; cheap. */
void purge_order(struct mesh *m, struct job *j);
/* It is decided: starts to keep it. */
void purge_begin(struct mesh *m, struct job *j);
/* Another replica was heard of. */
void purge_progress(struct mesh *m, struct job *j);
void purge_due(struct mesh *m, struct job *j);
uint64_t purge_next(const struct mesh *m, const struct job *j);
bool purge_is(const struct mesh *m, const struct id *jid);
/* The hash of the request that a forgotten keyed job was; zero: not known any more. */
struct id purge_body(const struct mesh *m, const struct id *jid);
/* Says so to one who does not know. */
void purge_tell(struct mesh *m, const struct id *jid, const struct id *to);
void purge_on_purge(struct mesh *m, const struct id *from, struct wire_reader *r);
void purge_load(struct mesh *m, struct span key, struct span bytes);
void purge_done(struct mesh *m);
#endif
