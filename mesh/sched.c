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

/* In a language that another node has, and this one does not. */
static bool is_apart(const struct mesh *m, const struct job *j)
{
    return !ability_here(m, j) && ability_elsewhere(m, j);
}

void sched_add(struct mesh *m, struct job *j, struct queue_wish *wish)
{
    wish->apart = is_apart(m, j);
    queue_add(m->queue, &j->own->item, wish, m->now.mono_ns);
}

void sched_sort(struct mesh *m)
{
    if (queue_len(m->queue) + queue_delayed(m->queue) == 0)
        return;
    for (struct map_item *it = map_first(m->jobs); it; it = map_next(it)) {
        struct job *j = map_value(it);

        if (j->own && queue_has(&j->own->item) && j->own->item.apart != is_apart(m, j))
            queue_set_apart(m->queue, &j->own->item, !j->own->item.apart, m->now.mono_ns);
    }
}

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

    return ability_of(t->m, t->peer, j) || (!j->own->item.apart && !ability_here(t->m, j));
}

struct job *sched_take_for(struct mesh *m, const struct id *peer)
{
    struct taker t = {m, peer};
    struct queue_item *it = queue_take(m->queue, true, peer_fits, &t);

    return it ? job_of(it) : NULL;
}

void sched_run(struct mesh *m)
{
    queue_advance(m->queue, m->now.mono_ns);
    while (exec_free(m) > 0) {
        struct queue_item *it = queue_take(m->queue, false, NULL, NULL);

        if (!it)
            break;
        owner_start(m, job_of(it), NULL);
    }
    steal_kick(m);
}

bool sched_is_full(const struct mesh *m)
{
    return queue_len(m->queue) + queue_delayed(m->queue) >= m->cfg.queue_max;
}
