/* SPDX-License-Identifier: MPL-2.0 */
#ifndef MESH_TAKEOVER_H
#define MESH_TAKEOVER_H
/*
 * Getting a ballot for a job: PREPARE to its replicas, PROM from a majority of every set of
 * replicas that turns up, then go on with the newest value any of them accepted. This node's
 * own promise is durable before anybody hears of the ballot, so a ballot is never used twice,
 * whatever crashes.
 */
#include "mesh/state.h"

enum takeover_why {
    TAKEOVER_FAILED, /* the owner is gone, or this node itself was: what ran is lost */
    TAKEOVER_CLEAN,  /* the owner asked for it, or nobody owned it */
    TAKEOVER_CREATE, /* a keyed job that nobody may have */
};
/* Begins, unless one is under way. */
void takeover_begin(struct mesh *m, struct job *j, enum takeover_why why);
/* This node promised itself a ballot that came to nothing, and hears of a value below it. */
void takeover_from(struct mesh *m, struct job *j, const struct record *src);
void takeover_end(struct job *j);
/* A higher ballot was promised: leave it to that one. */
void takeover_lost(struct mesh *m, struct job *j);
void takeover_progress(struct mesh *m, struct job *j);
/* `from`, who might have had a key that is about to be made, has nothing. */
void takeover_heard_none(struct mesh *m, struct job *j, const struct id *from);
/* The promises are in, nobody has the job, and what it is was filled in: makes it. */
void takeover_create(struct mesh *m, struct job *j);
void takeover_due(struct mesh *m, struct job *j);

void takeover_on_prepare(struct mesh *m, const struct id *from, struct wire_reader *r);
void takeover_on_prom(struct mesh *m, const struct id *from, struct wire_reader *r);
#endif
