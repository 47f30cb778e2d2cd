/* SPDX-License-Identifier: MPL-2.0 */
#ifndef BASE_MAP_H
#define BASE_MAP_H
/*
 * From a short key (bytes, copied) to a pointer the caller owns. Walks go in the order of
 * insertion, whatever the hash seed, so a walk is the same in every run. Built on uthash
 * with a seeded SipHash, so that a stranger's keys cannot be made to collide.
 */
#include <stddef.h>
#include <stdint.h>

struct map;
struct map_item;

struct map *map_new(uint64_t seed);
/* Frees the map, not the values. NULL is fine. */
void map_free(struct map *m);
/* Returns the value that was there before, or NULL. `value` must not be NULL. */
void *map_set(struct map *m, const void *key, size_t len, void *value);
void *map_get(const struct map *m, const void *key, size_t len);
/* Takes it out and returns its value, or NULL. */
void *map_del(struct map *m, const void *key, size_t len);
size_t map_len(const struct map *m);

/* A walk: for (it = map_first(m); it; it = map_next(it)). The item in hand may be deleted
 * once map_next() was called on it, and not before. */
struct map_item *map_first(const struct map *m);
/* A walk from one key on; NULL when it is not there. */
struct map_item *map_at(const struct map *m, const void *key, size_t len);
struct map_item *map_next(struct map_item *it);
void *map_value(const struct map_item *it);
const void *map_key(const struct map_item *it, size_t *ret_len);
#endif
