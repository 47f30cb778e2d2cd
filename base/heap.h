/* SPDX-License-Identifier: MPL-2.0 */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H
/*
 * An intrusive binary min-heap: a node is embedded in what it orders and knows its place,
 * so that any element can be taken out or moved in O(log n). Equal keys come out in the
 * order of `tie`, which makes the order a pure function of what was put in.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_node {
    uint64_t key;
    uint64_t tie;
    size_t pos; /* 1-based; 0 = in no heap */
};

struct heap {
    struct heap_node **at; /* owned */
    size_t len;
    size_t cap;
    uint64_t next_tie;
};

void heap_init(struct heap *h);
/* Frees the heap's own memory; the nodes are the caller's. */
void heap_done(struct heap *h);
/* Puts `n` in under `key`, or moves it there when it is in already. */
void heap_set(struct heap *h, struct heap_node *n, uint64_t key);
/* Takes `n` out; nothing happens when it is not in. */
void heap_remove(struct heap *h, struct heap_node *n);
/* The least, or NULL. It stays in. */
struct heap_node *heap_min(const struct heap *h);

static inline bool heap_has(const struct heap_node *n)
{
    return n->pos != 0;
}
#define HEAP_OWNER(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))
#endif
