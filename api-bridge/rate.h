/* SPDX-License-Identifier: MPL-2.0 */
#ifndef API_RATE_H
#define API_RATE_H
/*
 * Rate limits by the generic cell rate algorithm (ITU-T I.371, the virtual scheduling form):
 * one time per key, no timer, exact over any window. A table of fixed size shared by all
 * loops, with a lock per shard; when a bucket is full the entry that is closest to being
 * forgotten anyway goes. Any thread.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct api_rate;

struct api_rate_answer {
    bool allowed;
    uint32_t limit;         /* requests a period, for RateLimit-Limit */
    uint32_t remaining;     /* that would be allowed right now */
    uint32_t reset_s;       /* until the whole limit is free again, rounded up */
    uint32_t retry_after_s; /* when refused: until one is allowed, rounded up, >= 1 */
};

/* `limit` requests in each `period_ms`, all at once if the client likes; 0 = no limit.
 * Remembers at least `keys` clients. `seed` should be secret. */
struct api_rate *api_rate_new(uint32_t limit, uint32_t period_ms, size_t keys, uint64_t seed);
void api_rate_free(struct api_rate *r);
/* Takes one request of `key` at `now_ns` (monotonic), or refuses it, which costs nothing. */
struct api_rate_answer api_rate_take(struct api_rate *r, const void *key, size_t len,
                                     uint64_t now_ns);
/* True when there is no limit. */
bool api_rate_is_off(const struct api_rate *r);
/* A new limit, while in use. */
void api_rate_limit_set(struct api_rate *r, uint32_t limit);
#endif
