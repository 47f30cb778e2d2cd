/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works: entries are in a map and in a list, oldest first. All live equally long, so
 * the list is in the order of their ends as well, and both a full room and time take from its
 * front.
 */
#include "api-bridge/cache.h"

#include "base/limits.h"
#include "base/map.h"
#include "base/own.h"

#include <stdio.h>

enum {
    CACHE_LIFE_MS = 5000,
    CACHE_SHARE = 16 /* no answer is larger than this part of the room */
};

struct name {
    struct id jid;
    uint8_t base64;
};

struct entry {
    struct entry *next;
    struct name name;
    char tenant[LIMIT_NAME + 1]; /* whose the job is */
    uint64_t end_ms;
    size_t len;
    uint8_t body[];
};

struct api_cache {
    size_t max, used;
    struct map *entries; /* struct name -> struct entry, owned */
    struct entry *first, *last;
};

struct api_cache *api_cache_new(size_t max)
{
    struct api_cache *c = own_calloc(1, sizeof(*c));

    c->max = max;
    c->entries = map_new(1); /* ids come from the mesh, not from strangers */
    return c;
}

static void drop_first(struct api_cache *c)
{
    struct entry *e = c->first;

    c->first = e->next;
    if (!c->first)
        c->last = NULL;
    c->used -= sizeof(*e) + e->len;
    (void)map_del(c->entries, &e->name, sizeof(e->name));
    free(e);
}

void api_cache_free(struct api_cache *c)
{
    if (!c)
        return;
    while (c->first)
        drop_first(c);
    map_free(c->entries);
    free(c);
}

static struct name name_of(const struct api_cache_key *key)
{
    return (struct name){.jid = key->jid, .base64 = key->base64};
}

static void expire(struct api_cache *c, uint64_t now_ms)
{
    while (c->first && c->first->end_ms <= now_ms)
        drop_first(c);
}

struct span api_cache_get(struct api_cache *c, const struct api_cache_key *key, uint64_t now_ms)
{
    struct name name = name_of(key);
    const struct entry *e;

    expire(c, now_ms);
    e = map_get(c->entries, &name, sizeof(name));
    if (!e || (strcmp(key->tenant, "*") != 0 && strcmp(key->tenant, e->tenant) != 0))
        return (struct span){0};
    return (struct span){e->body, e->len};
}

void api_cache_put(struct api_cache *c, const struct api_cache_key *key, struct span body,
                   uint64_t now_ms)
{
    struct name name = name_of(key);
    size_t size = sizeof(struct entry) + body.len;
    struct entry *e;

    if (size > c->max / CACHE_SHARE || map_get(c->entries, &name, sizeof(name)))
        return;
    while (c->first && c->used + size > c->max)
        drop_first(c);
    e = own_calloc(1, size);
    e->name = name;
    e->end_ms = now_ms + CACHE_LIFE_MS;
    e->len = body.len;
    memcpy(e->body, body.data, body.len);
    (void)snprintf(e->tenant, sizeof(e->tenant), "%s", key->tenant);
    *(c->last ? &c->last->next : &c->first) = e;
    c->last = e;
    c->used += size;
    (void)map_set(c->entries, &e->name, sizeof(e->name), e);
}
