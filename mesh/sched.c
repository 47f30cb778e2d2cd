/* SPDX-License-Identifier: MPL-2.0 */
#include "mesh/sched.h"

#include "mesh/ability.h"
#include "mesh/exec.h"
#include "mesh/job.h"
#include "mesh/owner.h"
#include "mesh/steal.h"

static struct job *job_of(const struct queue_item *it)
{
    return HEAP_OWNER(it, struct own, item)->job;
}

void sched_add(struct mesh *m, struct job *j, struct queue_wish *wish)
{
    wish->kind = ability_language(j).hash;
    queue_add(m->queue, &j->own->item, wish, m->now.mono_ns);
}

/* For whom a job is looked for. */
struct taker {
    struct mesh *m;
    const struct id *peer;
};

/* What nobody is known to have may be tried by anybody. */
static bool fits_here(uint32_t kind, void *ctx)
{
    const struct taker *t = ctx;
    struct member_language l = {kind};

    return ability_here(t->m, l) || !ability_elsewhere(t->m, l);
}

static bool fits_peer(uint32_t kind, void *ctx)
{
    const struct taker *t = ctx;
    struct member_language l = {kind};

    return ability_of(t->m, t->peer, l) || (!ability_here(t->m, l) && !ability_elsewhere(t->m, l));
}

static struct job *sched_take(struct mesh *m, bool (*fits)(uint32_t kind, void *ctx),
                              const struct id *peer)
{
    struct taker t = {m, peer};
    struct queue_item *it = queue_take(m->queue, fits, &t);

    return it ? job_of(it) : NULL;
}

struct job *sched_take_for(struct mesh *m, const struct id *peer)
{
    return sched_take(m, fits_peer, peer);
}

void sched_run(struct mesh *m)
{
    queue_advance(m->queue, m->now.mono_ns);
    while (exec_free(m) > 0) {
        struct job *j = sched_take(m, fits_here, NULL);

        if (!j)
            break;
        owner_start(m, j, NULL);
    }
    steal_kick(m);
}

bool sched_waits_for_slot(struct mesh *m)
{
    struct taker t = {m, NULL};

    return queue_any(m->queue, fits_here, &t);
}

struct wanted {
    struct taker t;
    uint32_t n;
    struct member_language one; /* of them, at random */
};

static bool is_wanted(uint32_t kind, void *ctx)
{
    struct wanted *w = ctx;

    if (!fits_here(kind, &w->t) && rng_below(&w->t.m->rng, ++w->n) == 0)
        w->one = (struct member_language){kind};
    return false;
}

bool sched_able(struct mesh *m, struct id *ret_peer)
{
    struct wanted w = {.t = {m, NULL}};

    (void)queue_any(m->queue, is_wanted, &w);
    return w.n > 0 && ability_somebody(m, w.one, ret_peer);
}

bool sched_is_full(const struct mesh *m)
{
    return queue_len(m->queue) + queue_delayed(m->queue) >= m->cfg.queue_max;
}
