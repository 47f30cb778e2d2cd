/* SPDX-License-Identifier: MPL-2.0 */
#include "sim/queue.h"

void sim_queue_init(struct sim_queue *q, uint64_t seed)
{
    *q = (struct sim_queue){0};
    heap_init(&q->heap);
    rng_init(&q->rng, seed);
}

static void sim_queue_free_list(struct sim_event *e)
{
    while (e) {
        struct sim_event *next = e->next;

        free(e);
        e = next;
    }
}

void sim_queue_done(struct sim_queue *q)
{
    for (size_t i = 0; i < q->heap.len; i++) {
        struct sim_event *e = HEAP_OWNER(q->heap.at[i], struct sim_event, node);

        sim_blob_free(e->blob);
        if (!e->embedded)
            free(e);
    }
    heap_done(&q->heap);
    sim_queue_free_list(q->spare);
    q->spare = NULL;
}

struct sim_event *sim_queue_add(struct sim_queue *q, uint64_t delay_ns, sim_fire *fire)
{
    struct sim_event *e = q->spare;

    if (e)
        q->spare = e->next;
    else
        e = own_calloc(1, sizeof(*e));
    *e = (struct sim_event){.fire = fire};
    sim_queue_set(q, e, q->now_ns + delay_ns);
    return e;
}

void sim_queue_set(struct sim_queue *q, struct sim_event *e, uint64_t at_ns)
{
    q->heap.next_tie = rng_u64(&q->rng);
    heap_set(&q->heap, &e->node, at_ns);
}

void sim_queue_remove(struct sim_queue *q, struct sim_event *e)
{
    heap_remove(&q->heap, &e->node);
}

void sim_queue_keep(struct sim_event *e)
{
    e->embedded = true;
}

void sim_queue_drop(struct sim_queue *q, struct sim_event *e)
{
    sim_blob_free(e->blob);
    e->blob = NULL;
    e->next = q->spare;
    q->spare = e;
}

bool sim_queue_fire(struct sim_queue *q, struct sim_world *w, uint64_t until_ns)
{
    struct heap_node *n = heap_min(&q->heap);

    if (!n || n->key > until_ns) {
        q->now_ns = until_ns;
        return false;
    }

    struct sim_event *e = HEAP_OWNER(n, struct sim_event, node);
    bool embedded = e->embedded; /* then it may be gone once it fired */

    heap_remove(&q->heap, n);
    q->now_ns = n->key > q->now_ns ? n->key : q->now_ns;
    q->fired++;
    e->fire(w, e);
    if (!embedded && !e->embedded)
        sim_queue_drop(q, e);
    return true;
}
