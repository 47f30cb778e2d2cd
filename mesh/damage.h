/* SPDX-License-Identifier: MPL-2.0 */
#ifndef MESH_DAMAGE_H
#define MESH_DAMAGE_H
/*
 * Records that were found unreadable on this disk. Such a record may have been a promise or a
 * vote, so this node has no vote on its job until it has heard what the others know; it only
 * ever listens.
 */
#include "mesh/state.h"

/* The stored record of `jid` could not be read. */
void damage_found(struct mesh *m, const struct id *jid);
void damage_done(struct job *j);
/* Asks everybody, when it is time to. */
void damage_due(struct mesh *m, struct job *j);
/* `from` has this of the job. */
void damage_heard(struct mesh *m, struct job *j, const struct id *from, const struct record *src);
/* `from` has nothing of it; or a damaged record too, and then it cannot say. */
void damage_heard_none(struct mesh *m, struct job *j, const struct id *from, bool damaged);
#endif
