/* SPDX-License-Identifier: MPL-2.0 */
#ifndef MESH_OWED_H
#define MESH_OWED_H
/*
 * Callbacks that are owed: jobs that are decided, name a `callback`, and of which nobody has
 * said yet that it was told (MESSAGE_TOLD). Every holder of such a job remembers it; the one
 * that tells of the job (list_is_teller()) hands it out to a bridge that asks (LIST with
 * `owed`), and not again for OWED_LEASE_MS, so that bridges rarely call twice. That a job was
 * told is part of its record and spreads like its decision. At least once: a bridge that dies
 * between the call and TOLD has called, and another one calls again.
 */
#include "mesh/state.h"

enum {
    OWED_GRACE_MS = 10000, /* the bridge that took the job calls by itself */
    OWED_LEASE_MS = 60000,
    OWED_KEEP_S = 3600 /* it is not forgotten before, unless there are twice as many as are kept */
};

/* It is decided, its callback is wanted, and nobody has said that it was told. */
bool owed_is(const struct job *j);
/* After every change of a job; cheap. */
void owed_set(struct mesh *m, struct job *j);
void owed_remove(struct mesh *m, struct job *j);
/* Those that are due here, at most `share` of them; an array of `limit` that the caller frees. */
struct message_job *owed_take(struct mesh *m, uint32_t limit, uint32_t share, uint32_t *ret_n);
/* A bridge says that the callback of a decided job was delivered, or given up. */
void owed_told(struct mesh *m, struct job *j);
#endif
