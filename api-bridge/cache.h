/* SPDX-License-Identifier: MPL-2.0 */
#ifndef API_CACHE_H
#define API_CACHE_H
/*
 * Answers about jobs that are decided, as they were last written: a result never changes, and
 * who waits for one often asks again and again. Nothing else may be put here: a job that may
 * still change is its owner's to tell of. An answer is forgotten after a few seconds, so that a
 * job whose time is over is soon not found here either, and the oldest go when the room is full.
 * Belongs to its loop's thread.
 */
#include "base/buf.h"
#include "base/id.h"

struct api_cache;

/* At most so many bytes in all; 0: it keeps nothing. */
struct api_cache *api_cache_new(size_t max);
void api_cache_free(struct api_cache *c);

/* Which answer. */
struct api_cache_key {
    struct id jid;
    bool base64;        /* as ?encoding= asked */
    const char *tenant; /* of who asks, or whose the job is; borrowed */
};
/* The body, borrowed until the next call; data NULL: not here, or not this tenant's to see. */
struct span api_cache_get(struct api_cache *c, const struct api_cache_key *key, uint64_t now_ms);
void api_cache_put(struct api_cache *c, const struct api_cache_key *key, struct span body,
                   uint64_t now_ms);
#endif
