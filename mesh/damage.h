/* SPDX-License-Identifier: MPL-2.0 */
#ifndef MESH_DAMAGE_H
#define MESH_DAMAGE_H
/*
 * Records that were found unreadable on this disk. Such a record may have been a promise or a
 * vote, so this node has no vote on its job until it has heard what the others know; it only
 * ever listens.
 */
#include "mesh/state.h"

/* Why a node shows no record. */
enum damage_kind {
    DAMAGE_NOT,   /* it has none */
    DAMAGE_VOW,   /* it cannot read it; it had promised something, and accepted nothing */
    DAMAGE_RECORD /* it cannot read it */
};

/* Of a job of this node, which may be NULL. */
enum damage_kind damage_of(const struct job *j);
/* The stored record of `jid` could not be read. */
void damage_found(struct mesh *m, const struct id *jid);
void damage_done(struct job *j);
/* Asks everybody, when it is time to. */
void damage_due(struct mesh *m, struct job *j);
/* `from` has this of the job. */
void damage_heard(struct mesh *m, struct job *j, const struct id *from, const struct record *src);
/* `from` shows no record of it. */
void damage_heard_none(struct mesh *m, struct job *j, const struct id *from, enum damage_kind why);
#endif
