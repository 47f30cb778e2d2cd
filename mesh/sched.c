/* SPDX-License-Identifier: MPL-2.0 */
#include "mesh/sched.h"

#include "mesh/ability.h"
#include "mesh/exec.h"
#include "mesh/job.h"
#include "mesh/owner.h"
#include "mesh/steal.h"
#include "mesh/timer.h"

#include <assert.h>

void sched_init(struct mesh *m)
{
    for (int i = 0; i < SCHED_QUEUES; i++)
        m->queues[i] = queue_new(rng_u64(&m->rng));
}

void sched_done(struct mesh *m)
{
    for (int i = 0; i < SCHED_QUEUES; i++)
        queue_free(m->queues[i]);
}

static struct job *job_of(const struct queue_item *it)
{
    return HEAP_OWNER(it, struct own, item)->job;
}

static enum sched_queue queue_for(const struct mesh *m, const struct job *j)
{
    return !ability_here(m, j) && ability_elsewhere(m, j) ? SCHED_AWAY : SCHED_HERE;
}

void sched_add(struct mesh *m, struct job *j, const struct queue_wish *wish)
{
    j->own->queue = queue_for(m, j);
    queue_add(m->queues[j->own->queue], &j->own->item, wish, m->now.mono_ns);
}

void sched_remove(struct mesh *m, struct job *j)
{
    queue_remove(m->queues[j->own->queue], &j->own->item);
}

void sched_sort(struct mesh *m)
{
    for (struct map_item *it = map_first(m->jobs); it; it = map_next(it)) {
        struct job *j = map_value(it);

        if (!j->own || !queue_has(&j->own->item) || j->own->queue == queue_for(m, j))
            continue;
        queue_move(m->queues[j->own->queue], m->queues[!j->own->queue], &j->own->item,
                   m->now.mono_ns);
        j->own->queue = !j->own->queue;
    }
}

/* ---- out of the queues ---- */

/* For whom a job is looked for. */
struct taker {
    const struct mesh *m;
    const struct id *peer;
};

/* What nobody is known to have may be tried by anybody. */
static bool peer_fits(const struct queue_item *it, void *ctx)
{
    const struct taker *t = ctx;
    const struct job *j = job_of(it);

    return ability_of(t->m, t->peer, j) || (j->own->queue == SCHED_HERE && !ability_here(t->m, j));
}

struct job *sched_take_for(struct mesh *m, const struct id *peer)
{
    enum sched_queue first = queue_top(m->queues[SCHED_AWAY]) <= queue_top(m->queues[SCHED_HERE])
                                 ? SCHED_AWAY
                                 : SCHED_HERE;
    struct taker t = {m, peer};
    struct queue_item *it = queue_take(m->queues[first], LIMIT_PRIORITIES - 1, peer_fits, &t);

    if (!it)
        it = queue_take(m->queues[!first], LIMIT_PRIORITIES - 1, peer_fits, &t);
    return it ? job_of(it) : NULL;
}

void sched_run(struct mesh *m)
{
    for (int i = 0; i < SCHED_QUEUES; i++)
        queue_advance(m->queues[i], m->now.mono_ns);
    while (exec_free(m) > 0) {
        struct queue_item *it = queue_take(m->queues[SCHED_HERE], LIMIT_PRIORITIES - 1, NULL, NULL);

        if (!it)
            break;
        owner_start(m, job_of(it), NULL);
    }
    steal_kick(m);
}

/* ---- what is in them ---- */

uint32_t sched_waiting(const struct mesh *m)
{
    return queue_len(m->queues[SCHED_HERE]) + queue_len(m->queues[SCHED_AWAY]);
}

uint32_t sched_waiting_of(const struct mesh *m, uint8_t class_now)
{
    return queue_len_of(m->queues[SCHED_HERE], class_now) +
           queue_len_of(m->queues[SCHED_AWAY], class_now);
}

uint8_t sched_top(const struct mesh *m)
{
    uint8_t here = queue_top(m->queues[SCHED_HERE]);
    uint8_t away = queue_top(m->queues[SCHED_AWAY]);

    return here < away ? here : away;
}

uint32_t sched_waiting_here(const struct mesh *m)
{
    return queue_len(m->queues[SCHED_HERE]);
}

uint64_t sched_oldest_ns(const struct mesh *m)
{
    return timer_min(queue_oldest_ns(m->queues[SCHED_HERE]),
                     queue_oldest_ns(m->queues[SCHED_AWAY]));
}

uint32_t sched_delayed(const struct mesh *m)
{
    return queue_delayed(m->queues[SCHED_HERE]) + queue_delayed(m->queues[SCHED_AWAY]);
}

bool sched_is_full(const struct mesh *m)
{
    return sched_waiting(m) + sched_delayed(m) >= m->cfg.queue_max;
}

uint64_t sched_deadline(const struct mesh *m)
{
    return timer_min(queue_deadline(m->queues[SCHED_HERE]), queue_deadline(m->queues[SCHED_AWAY]));
}

void sched_check(const struct mesh *m)
{
    for (int i = 0; i < SCHED_QUEUES; i++)
        queue_check(m->queues[i]);
}
