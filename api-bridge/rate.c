/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works: a key's entry holds the theoretical arrival time (TAT) of its next request
 * if it kept exactly to the rate. A request is allowed while TAT is at most (limit - 1)
 * intervals ahead of now. An entry whose TAT has passed says no more than a missing one, so
 * it may be overwritten at any time.
 */
#include "api-bridge/rate.h"

#include "base/hash.h"
#include "base/own.h"

#include <pthread.h>
#include <stdatomic.h>

enum { RATE_WAYS = 8, RATE_SHARDS = 64 };

struct rate_entry {
    uint64_t hash; /* of the key; 0 = free */
    uint64_t tat_ns;
};

struct api_rate {
    _Atomic uint32_t limit;
    uint64_t period_ns;
    uint64_t seed;
    size_t n_buckets; /* a power of two, >= RATE_SHARDS */
    struct rate_entry (*buckets)[RATE_WAYS];
    pthread_mutex_t locks[RATE_SHARDS];
};

struct api_rate *api_rate_new(uint32_t limit, uint32_t period_ms, size_t keys, uint64_t seed)
{
    struct api_rate *r = own_calloc(1, sizeof(*r));

    atomic_init(&r->limit, limit);
    r->period_ns = (uint64_t)period_ms * 1000000u;
    r->seed = seed;
    r->n_buckets = RATE_SHARDS;
    while (r->n_buckets * RATE_WAYS < keys * 2)
        r->n_buckets *= 2;
    r->buckets = own_calloc(r->n_buckets, sizeof(*r->buckets));
    for (int i = 0; i < RATE_SHARDS; i++)
        (void)pthread_mutex_init(&r->locks[i], NULL);
    return r;
}

void api_rate_free(struct api_rate *r)
{
    if (!r)
        return;
    for (int i = 0; i < RATE_SHARDS; i++)
        (void)pthread_mutex_destroy(&r->locks[i]);
    free(r->buckets);
    free(r);
}

void api_rate_limit_set(struct api_rate *r, uint32_t limit)
{
    atomic_store(&r->limit, limit);
}

bool api_rate_is_off(const struct api_rate *r)
{
    return atomic_load(&r->limit) == 0;
}

/* The key's entry, or the one in its bucket that says least. */
static struct rate_entry *rate_entry(struct rate_entry *bucket, uint64_t hash)
{
    struct rate_entry *least = &bucket[0];

    for (int i = 0; i < RATE_WAYS; i++) {
        if (bucket[i].hash == hash)
            return &bucket[i];
        if (bucket[i].tat_ns < least->tat_ns)
            least = &bucket[i];
    }
    *least = (struct rate_entry){.hash = hash};
    return least;
}

static uint32_t rate_seconds_up(uint64_t ns)
{
    return (uint32_t)((ns + 999999999u) / 1000000000u);
}

struct api_rate_answer api_rate_take(struct api_rate *r, const void *key, size_t len,
                                     uint64_t now_ns)
{
    uint32_t limit = atomic_load(&r->limit);
    struct api_rate_answer answer = {.allowed = true, .limit = limit, .remaining = limit};

    if (limit == 0)
        return answer;

    uint64_t interval = r->period_ns / limit;
    uint64_t tolerance = interval * (limit - 1);
    uint64_t hash = hash_sip(r->seed, ~r->seed, key, len) | 1;
    size_t bucket = (hash >> 8) & (r->n_buckets - 1);
    pthread_mutex_t *lock = &r->locks[bucket % RATE_SHARDS];

    (void)pthread_mutex_lock(lock);

    struct rate_entry *entry = rate_entry(r->buckets[bucket], hash);
    uint64_t tat = entry->tat_ns > now_ns ? entry->tat_ns : now_ns;

    if (tat - now_ns > tolerance) {
        answer.allowed = false;
        answer.retry_after_s = rate_seconds_up(tat - now_ns - tolerance);
    } else {
        tat += interval;
        entry->tat_ns = tat;
    }
    (void)pthread_mutex_unlock(lock);

    uint64_t ahead = tat - now_ns;
    answer.remaining = ahead > tolerance ? 0 : (uint32_t)((tolerance - ahead) / interval + 1);
    answer.reset_s = rate_seconds_up(ahead);
    return answer;
}
