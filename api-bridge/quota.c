/* SPDX-License-Identifier: MPL-2.0 */
#include "api-bridge/quota.h"

#include "base/map.h"
#include "base/own.h"

#include <pthread.h>

struct api_quota {
    struct api_quota_limits limits;
    pthread_mutex_t lock;
    uint32_t total;
    struct map *addresses, *tokens; /* key -> count, as a pointer */
};

struct api_quota *api_quota_new(const struct api_quota_limits *limits, uint64_t seed)
{
    struct api_quota *q = own_calloc(1, sizeof(*q));

    q->limits = *limits;
    q->addresses = map_new(seed);
    q->tokens = map_new(~seed);
    if (pthread_mutex_init(&q->lock, NULL) != 0)
        abort();
    return q;
}

void api_quota_free(struct api_quota *q)
{
    if (!q)
        return;
    map_free(q->addresses);
    map_free(q->tokens);
    (void)pthread_mutex_destroy(&q->lock);
    free(q);
}

void api_quota_limits_set(struct api_quota *q, const struct api_quota_limits *limits)
{
    (void)pthread_mutex_lock(&q->lock);
    q->limits = *limits;
    (void)pthread_mutex_unlock(&q->lock);
}

struct api_quota_key api_quota_key(const struct api_address *from, uint64_t token)
{
    return (struct api_quota_key){.group = api_address_group(from), .token = token};
}

static uint32_t count(const struct map *m, const void *key, size_t len)
{
    return (uint32_t)(uintptr_t)map_get(m, key, len);
}

static void add(struct map *m, const void *key, size_t len, int by)
{
    const uintptr_t n = count(m, key, len) + (uintptr_t)by;

    if (n > 0)
        (void)map_set(m, key, len, (void *)n);
    else
        (void)map_del(m, key, len);
}

static bool reached(uint32_t limit, uint32_t n)
{
    return limit > 0 && n >= limit;
}

static const char *full(const struct api_quota *q, const struct api_quota_key *key)
{
    if (reached(q->limits.total, q->total))
        return "server";
    if (reached(q->limits.address, count(q->addresses, &key->group, sizeof(key->group))))
        return "address";
    if (key->token && reached(q->limits.token, count(q->tokens, &key->token, sizeof(key->token))))
        return "token";
    return NULL;
}

static void change(struct api_quota *q, const struct api_quota_key *key, int by)
{
    q->total += (uint32_t)by;
    add(q->addresses, &key->group, sizeof(key->group), by);
    if (key->token)
        add(q->tokens, &key->token, sizeof(key->token), by);
}

const char *api_quota_take(struct api_quota *q, const struct api_quota_key *key)
{
    const char *whose;

    (void)pthread_mutex_lock(&q->lock);
    whose = full(q, key);
    if (!whose)
        change(q, key, 1);
    (void)pthread_mutex_unlock(&q->lock);
    return whose;
}

void api_quota_give(struct api_quota *q, const struct api_quota_key *key)
{
    (void)pthread_mutex_lock(&q->lock);
    change(q, key, -1);
    (void)pthread_mutex_unlock(&q->lock);
}
