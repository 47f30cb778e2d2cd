/* SPDX-License-Identifier: MPL-2.0 */
#include "sandbox/near.h"

/* Of who holds itself: where it may be otherwise. */
static _Thread_local struct near_home before;
static _Thread_local bool holds;

void near_init(struct near_home *h)
{
    if (holds)
        *h = before;
    else if (sched_getaffinity(0, sizeof(h->cpus), &h->cpus) < 0)
        CPU_ZERO(&h->cpus);
}

void near_hold(void)
{
    if (holds)
        return;
    near_init(&before);
    holds = near_bring(0, NEAR_NOWHERE) != NEAR_NOWHERE;
}

void near_let_go(void)
{
    if (!holds)
        return;
    holds = false;
    (void)near_return(&before, 0);
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
