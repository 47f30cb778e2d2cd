/* SPDX-License-Identifier: MPL-2.0 */
#ifndef MESH_QUEUE_H
#define MESH_QUEUE_H
/*
 * The jobs of one owner that wait for a slot, and those that wait for a time.
 *
 * Order: the most urgent class first; a job rises a class every TIMING_AGE it has waited, so
 * none starves. Within a class tenants share by what they cost, whatever they queue: the
 * deficit of each is kept as a virtual time (start-time fair queueing, Goyal 1996), which
 * shares like deficit round robin without its bursts. Within a tenant, in order of entry.
 * Not everybody can take every kind of item: who takes says which, and those of other kinds
 * hold up nothing.
 *
 * An item is embedded in what it queues and belongs to the caller, who takes it out before it
 * frees it. Everything is O(log n), and what asks for kinds O(kinds). Times are the caller's
 * mono_ns.
 */
#include "base/heap.h"
#include "base/limits.h"

struct queue;
struct queue_lane;

/* All private. Zero before it is first added. */
struct queue_item {
    struct heap_node order; /* in its lane, by entry */
    struct heap_node age;   /* among all that are ready, by `since` */
    struct heap_node timer; /* when it rises a class, or becomes ready */
    struct queue_lane *lane;
    uint64_t since_ns;
    uint64_t entry;
    uint32_t cost;
    uint8_t class_now;
    uint8_t class_asked;
};

struct queue_wish {
    const char *tenant;     /* copied */
    uint8_t priority;       /* < LIMIT_PRIORITIES */
    uint32_t cost;          /* what it takes from its tenant's share, 1 .. QUEUE_COST_MAX */
    uint64_t since_ns;      /* when it began to wait: 0 = now, or when its delay ends */
    uint64_t not_before_ns; /* 0 = at once */
    uint32_t kind;
};

enum { QUEUE_COST_MAX = 1000 };

struct queue *queue_new(uint64_t seed);
/* Items still in are let go, not freed. */
void queue_free(struct queue *q);

/* Puts an item in that is not in. */
void queue_add(struct queue *q, struct queue_item *it, const struct queue_wish *wish,
               uint64_t now_ns);
/* Takes it out, wherever it stands; nothing happens when it is not in. */
void queue_remove(struct queue *q, struct queue_item *it);
/* Ready or delayed. */
bool queue_has(const struct queue_item *it);
bool queue_is_delayed(const struct queue_item *it);

/* Lets the clock do its work: delayed items become ready, old ones rise. Returns how many
 * became ready. The functions below see the state as of the last call. */
uint32_t queue_advance(struct queue *q, uint64_t now_ns);
/* When the next delayed item becomes ready; UINT64_MAX = none. */
uint64_t queue_deadline(const struct queue *q);

/* The next ready item of a kind that `fits` (NULL = any), taken out and charged to its
 * tenant; NULL when there is none. */
struct queue_item *queue_take(struct queue *q, bool (*fits)(uint32_t kind, void *ctx), void *ctx);
/* There is a ready item of a kind that `fits`. */
bool queue_any(const struct queue *q, bool (*fits)(uint32_t kind, void *ctx), void *ctx);

/* Ready items. */
uint32_t queue_len(const struct queue *q);
uint32_t queue_len_of(const struct queue *q, uint8_t class_now);
/* The most urgent class with a ready item; LIMIT_PRIORITIES when there is none. */
uint8_t queue_top(const struct queue *q);
uint32_t queue_delayed(const struct queue *q);
/* When the ready item that waits longest began to; UINT64_MAX when there is none. */
uint64_t queue_oldest_ns(const struct queue *q);

void queue_check(const struct queue *q);
#endif
