/* SPDX-License-Identifier: MPL-2.0 */
#include "sandbox/charge.h"

#include <time.h>

uint64_t charge_late_ns(void)
{
    struct timespec tick;

    /* The coarse clock is set at each tick. */
    (void)clock_getres(CLOCK_MONOTONIC_COARSE, &tick);
    return (uint64_t)tick.tv_nsec;
}

static void visit(const cpu_set_t *cpus)
{
    cpu_set_t one;

    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, cpus))
            continue;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        (void)sched_setaffinity(0, sizeof(one), &one);
    }
}

void charge_now(const cpu_set_t *cpus)
{
    const int class = sched_getscheduler(0);
    struct sched_param usual = {0};
    cpu_set_t ours;

    if (sched_getaffinity(0, sizeof(ours), &ours) < 0 || CPU_COUNT(cpus) > CHARGE_CPUS)
        return;
    (void)sched_getparam(0, &usual);
    const struct sched_param above = {.sched_priority = usual.sched_priority + 1};
    /* Another keeper may be on one of them, busy for longer than the run may be late. */
    if (usual.sched_priority > 0)
        (void)sched_setscheduler(0, class, &above);
    visit(cpus);
    (void)sched_setaffinity(0, sizeof(ours), &ours);
    if (usual.sched_priority > 0)
        (void)sched_setscheduler(0, class, &usual);
}
