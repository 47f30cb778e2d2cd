/* SPDX-License-Identifier: MPL-2.0 */
#include "sandbox/near.h"

#include "base/clock.h"

/* Of who holds itself: where it may be otherwise, and the CPU. */
static _Thread_local struct near_home before;
static _Thread_local int holds = NEAR_NOWHERE;
static _Thread_local uint64_t held_ns; /* since when */

void near_init(struct near_home *h)
{
    if (holds != NEAR_NOWHERE)
        *h = before;
    else if (sched_getaffinity(0, sizeof(h->cpus), &h->cpus) < 0)
        CPU_ZERO(&h->cpus);
}

/* Who does not know where else it may be, on a machine with more CPUs than fit, could never be let
 * go. */
bool near_hold(void)
{
    if (holds != NEAR_NOWHERE)
        return true;
    near_init(&before);
    if (CPU_COUNT(&before.cpus) == 0)
        return false;
    holds = near_bring(0, NEAR_NOWHERE);
    held_ns = clock_mono_ns();
    return holds != NEAR_NOWHERE;
}

bool near_is_long(void)
{
    return holds != NEAR_NOWHERE && clock_mono_ns() - held_ns > NEAR_LONG_NS;
}

void near_let_go(void)
{
    /* Somebody else may have told it where to be meanwhile. */
    if (holds != NEAR_NOWHERE && near_held(&before) == holds)
        (void)near_return(&before, 0);
    holds = NEAR_NOWHERE;
}

int near_bring(pid_t pid, int held)
{
    const int here = sched_getcpu();
    cpu_set_t one;

    if (here == held || here < 0 || here >= CPU_SETSIZE)
        return held;
    CPU_ZERO(&one);
    CPU_SET((size_t)here, &one);
    return sched_setaffinity(pid, sizeof(one), &one) == 0 ? here : held;
}

int near_held(const struct near_home *h)
{
    cpu_set_t now;

    if (sched_getaffinity(0, sizeof(now), &now) < 0 || CPU_COUNT(&now) != 1 ||
        CPU_EQUAL(&now, &h->cpus))
        return NEAR_NOWHERE;
    return sched_getcpu();
}

/* An empty set, of a machine with more CPUs than fit, is refused. */
int near_return(const struct near_home *h, pid_t pid)
{
    (void)sched_setaffinity(pid, sizeof(h->cpus), &h->cpus);
    return NEAR_NOWHERE;
}
