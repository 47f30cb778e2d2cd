/* SPDX-License-Identifier: MPL-2.0 */
#include "sandbox/thrash.h"

#define ROOM_MIN ((uint64_t)LIMIT_MIB)

/* What files can have of the group's memory. */
static uint64_t room(const struct cgroup_memory *m)
{
    return m->most > m->held + ROOM_MIN ? m->most - m->held : ROOM_MIN;
}

bool thrash_look(struct thrash *t, const struct cgroup_memory *m, uint64_t cpu_us)
{
    const struct thrash last = *t;

    *t = (struct thrash){cgroup_near(m), cpu_us, m->refaulted, m->held, 0};
    /* Far from the limit pages are dropped for the machine's sake. */
    if (!last.near || !t->near || m->held < m->most / 4 * 3)
        return false;
    const uint64_t spent_us = cpu_us > last.cpu_us ? cpu_us - last.cpu_us : 0;
    const uint64_t forgiven = room(m) / 1000000 * THRASH_ROOMS_PER_S * spent_us;
    const uint64_t again = last.excess + m->refaulted - last.refaulted;
    t->excess = again > forgiven ? again - forgiven : 0;
    return t->excess >= THRASH_ROOMS * room(m);
}
