/* SPDX-License-Identifier: MPL-2.0 */
#ifndef MESH_DAMAGE_H
#define MESH_DAMAGE_H
/*
 * Records that were found unreadable on this disk. Such a record may have been a promise or a
 * vote, so this node has no vote on its job until it has heard what the others know; it only
 * ever listens. A mere promise stands twice on the disk, and is damaged when both are.
 */
#include "mesh/state.h"

/* The stored record of `jid`, or its vow, could not be read. The other makes up for it. */
void damage_found(struct mesh *m, const struct id *jid);
void damage_done(struct job *j);
/* Asks everybody, when it is time to. */
void damage_due(struct mesh *m, struct job *j);
/* `from` has this of the job. */
void damage_heard(struct mesh *m, struct job *j, const struct id *from, const struct record *src);
/* `from` shows no record of it: it has none, or it cannot read it either. */
void damage_heard_none(struct mesh *m, struct job *j, const struct id *from, bool damaged);
#endif
