/* SPDX-License-Identifier: MPL-2.0 */
#include "base/map.h"

#include "base/hash.h"
#include "base/own.h"

/* The map being worked on is always called `m` here: its seed keys the hash. */
#define HASH_FUNCTION(keyptr, keylen, hashv)                                                       \
    ((hashv) = (unsigned)hash_sip(m->seed, ~m->seed, (keyptr), (keylen)))
#include <uthash.h>

/* Chains as long as uthash's own limit, 10, are as many cache misses among a million jobs. With 6
 * what is there is found in three quarters of the time, what is not there in half of it, and an
 * item takes up to 50 bytes more. */
#undef HASH_BKT_CAPACITY_THRESH
#define HASH_BKT_CAPACITY_THRESH 6U

/* What a look-up reads stands together, from the end of the handle on: in a map that is not in
 * the cache, each item on the way is a miss. */
struct map_item {
    UT_hash_handle hh;
    void *value;
    uint8_t key[];
};

struct map {
    uint64_t seed;
    struct map_item *items;
};

struct map *map_new(uint64_t seed)
{
    struct map *m = own_calloc(1, sizeof(*m));

    m->seed = seed;
    return m;
}

void map_free(struct map *m)
{
    struct map_item *it;
    struct map_item *next;

    if (!m)
        return;
    HASH_ITER(hh, m->items, it, next)
    {
        HASH_DEL(m->items, it);
        free(it);
    }
    free(m);
}

static struct map_item *map_find(const struct map *m, const void *key, size_t len)
{
    struct map_item *it;

    HASH_FIND(hh, m->items, key, (unsigned)len, it);
    return it;
}

void *map_set(struct map *m, const void *key, size_t len, void *value)
{
    struct map_item *it;
    unsigned hash;

    HASH_VALUE(key, (unsigned)len, hash);
    HASH_FIND_BYHASHVALUE(hh, m->items, key, (unsigned)len, hash, it);
    if (it) {
        void *before = it->value;

        it->value = value;
        return before;
    }
    it = own_calloc(1, sizeof(*it) + len);
    it->value = value;
    memcpy(it->key, key, len);
    HASH_ADD_KEYPTR_BYHASHVALUE(hh, m->items, it->key, (unsigned)len, hash, it);
    return NULL;
}

void *map_get(const struct map *m, const void *key, size_t len)
{
    const struct map_item *it = map_find(m, key, len);

    return it ? it->value : NULL;
}

void *map_del(struct map *m, const void *key, size_t len)
{
    struct map_item *it = map_find(m, key, len);
    void *value;

    if (!it)
        return NULL;
    value = it->value;
    HASH_DEL(m->items, it);
    free(it);
    return value;
}

size_t map_len(const struct map *m)
{
    return HASH_COUNT(m->items);
}

struct map_item *map_first(const struct map *m)
{
    return m->items;
}

struct map_item *map_at(const struct map *m, const void *key, size_t len)
{
    return map_find(m, key, len);
}

struct map_item *map_next(struct map_item *it)
{
    return it->hh.next;
}

void *map_value(const struct map_item *it)
{
    return it->value;
}

const void *map_key(const struct map_item *it, size_t *ret_len)
{
    if (ret_len)
        *ret_len = it->hh.keylen;
    return it->key;
}
