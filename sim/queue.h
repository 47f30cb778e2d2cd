/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SIM_QUEUE_H
#define SIM_QUEUE_H
/*
 * Virtual time: what is to happen, ordered by (time, a tie drawn from the seed). Two things
 * due at the same nanosecond happen in an order that the seed decides, so every order is
 * tried over many seeds and each is the same in every run of its seed.
 */
#include "base/heap.h"
#include "base/rng.h"
#include "sim/blob.h"

struct sim_world;
struct sim_event;

typedef void sim_fire(struct sim_world *w, struct sim_event *e);

struct sim_event {
    struct heap_node node;
    sim_fire *fire;
    struct sim_event *next; /* in a list of its owner's, while not in the queue */
    bool embedded;          /* not from the pool */
    uint32_t host;
    uint32_t life; /* of the host, for those that die with it */
    uint64_t a, b;
    void *object;
    struct sim_blob *blob; /* a reference of the event's own */
};

struct sim_queue {
    struct heap heap;
    struct rng rng;
    uint64_t now_ns;
    uint64_t fired;
    struct sim_event *spare;
};

#define SIM_US UINT64_C(1000)
#define SIM_MS UINT64_C(1000000)
#define SIM_S UINT64_C(1000000000)

void sim_queue_init(struct sim_queue *q, uint64_t seed);
void sim_queue_done(struct sim_queue *q);
/* A new event, due in `delay_ns`; the caller fills in the rest. It is freed once it fired. */
struct sim_event *sim_queue_add(struct sim_queue *q, uint64_t delay_ns, sim_fire *fire);
/* Puts an event of the caller's own (embedded, or kept by it) in, or moves it. */
void sim_queue_set(struct sim_queue *q, struct sim_event *e, uint64_t at_ns);
void sim_queue_remove(struct sim_queue *q, struct sim_event *e);
/* Called in `fire` by one that keeps its event beyond it: it is not freed. */
void sim_queue_keep(struct sim_event *e);
/* Frees an event that is not in the queue (kept before). */
void sim_queue_drop(struct sim_queue *q, struct sim_event *e);
/* Fires the next event that is due by `until_ns`; false, at that time, when there is none. */
bool sim_queue_fire(struct sim_queue *q, struct sim_world *w, uint64_t until_ns);
#endif
