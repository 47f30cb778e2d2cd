/* SPDX-License-Identifier: MPL-2.0 */
#include "base/heap.h"

#include "base/own.h"

void heap_init(struct heap *h)
{
    *h = (struct heap){0};
}

void heap_done(struct heap *h)
{
    free(h->at);
    *h = (struct heap){0};
}

static bool heap_less(const struct heap_node *a, const struct heap_node *b)
{
    return a->key != b->key ? a->key < b->key : a->tie < b->tie;
}

static void heap_put(struct heap *h, size_t pos, struct heap_node *n)
{
    h->at[pos - 1] = n;
    n->pos = pos;
}

static void heap_up(struct heap *h, struct heap_node *n)
{
    size_t pos = n->pos;

    while (pos > 1 && heap_less(n, h->at[pos / 2 - 1])) {
        heap_put(h, pos, h->at[pos / 2 - 1]);
        pos /= 2;
    }
    heap_put(h, pos, n);
}

static void heap_down(struct heap *h, struct heap_node *n)
{
    size_t pos = n->pos;

    for (;;) {
        size_t child = pos * 2;

        if (child > h->len)
            break;
        if (child < h->len && heap_less(h->at[child], h->at[child - 1]))
            child++;
        if (!heap_less(h->at[child - 1], n))
            break;
        heap_put(h, pos, h->at[child - 1]);
        pos = child;
    }
    heap_put(h, pos, n);
}

void heap_set(struct heap *h, struct heap_node *n, uint64_t key)
{
    if (!n->pos) {
        if (h->len == h->cap) {
            h->cap = h->cap ? h->cap * 2 : 16;
            h->at = own_realloc(h->at, h->cap * sizeof(*h->at));
        }
        n->tie = h->next_tie++;
        heap_put(h, ++h->len, n);
    }
    n->key = key;
    heap_up(h, n);
    heap_down(h, n);
}

void heap_remove(struct heap *h, struct heap_node *n)
{
    if (!n->pos)
        return;

    struct heap_node *last = h->at[h->len - 1];
    size_t pos = n->pos;

    h->len--;
    n->pos = 0;
    if (last == n)
        return;
    heap_put(h, pos, last);
    heap_up(h, last);
    heap_down(h, last);
}

struct heap_node *heap_min(const struct heap *h)
{
    return h->len ? h->at[0] : NULL;
}
