/* SPDX-License-Identifier: MPL-2.0 */
#ifndef MESH_TIMER_H
#define MESH_TIMER_H
/* Something of a mesh that is due at a time. `fire` may set or stop any timer, its own too. */
#include "mesh/state.h"

/* At `due_ns`, or not at all when that is STATE_NEVER. Moves it when it is set already. */
static inline void timer_set(struct mesh *m, struct timer *t, uint64_t due_ns)
{
    if (due_ns == STATE_NEVER)
        heap_remove(&m->timers, &t->node);
    else
        heap_set(&m->timers, &t->node, due_ns);
}

static inline void timer_stop(struct mesh *m, struct timer *t)
{
    heap_remove(&m->timers, &t->node);
}

static inline uint64_t timer_min(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* `base_ms` doubled with each try up to `max_ms`, and 20 % of chance either way; in ns. */
static inline uint64_t timer_backoff(struct mesh *m, uint32_t tries, uint64_t base_ms,
                                     uint64_t max_ms)
{
    uint64_t ms = tries > 16 ? max_ms : base_ms << tries;

    if (ms > max_ms)
        ms = max_ms;
    return rng_between(&m->rng, ms * 800, ms * 1200) * 1000;
}
#endif
