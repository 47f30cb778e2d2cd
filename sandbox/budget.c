/* SPDX-License-Identifier: MPL-2.0 */
#include "sandbox/budget.h"

#include "base/clock.h"
#include "sandbox/charge.h"
#include "sandbox/mutant.h"
#include "sandbox/outcome.h"

#include <fcntl.h>

#define NS_PER_MS 1000000ULL
#define CROWD_LOOK_NS (10 * NS_PER_MS)
#define MEMORY_LOOK_NS (100 * NS_PER_MS)
#define CPU_LOOK_NS (NS_PER_MS / 5) /* between two looks, at least */

static bool measure(struct watch *w)
{
    const struct slot_init *in = &w->stage->init;

    if (MUTANT(unwatched))
        return false;
    auto_fd int ours = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const struct crowd_at at = {.proc = in->proc >= 0 ? in->proc : ours,
                                .init = in->proc >= 0 ? 1 : crowd_pid(ours, in->pidfd),
                                .ours = ours};
    return crowd_look(&w->crowd, &at, &w->step.limits);
}

static void hold_against_limits(struct watch *w)
{
    const struct crowd *c = &w->crowd;

    if (c->cpu_us > w->step.limits.cpu_ms * 1000)
        watch_kill(w, KILL_CPU);
    else if (c->memory > w->step.limits.memory)
        watch_kill(w, KILL_MEMORY);
    /* A user of the program's own is counted by the kernel. */
    else if (!w->slot->isolation.spaces && !w->slot->ids.many &&
             c->threads > w->step.limits.processes)
        watch_kill(w, KILL_PROCESSES);
    else if (scratch_is_full(&w->slot->scratch, &w->step))
        watch_kill(w, KILL_FILES);
}

/* Without cgroups the kernel sends no news of memory or CPU time: what the processes use is looked
 * at now and then. */
static void look_at_crowd(struct watch *w)
{
    bool seen = measure(w);

    /* A look takes its time, and one that shows nothing is not the last. */
    w->cpu_at_ns = clock_mono_ns() + CROWD_LOOK_NS;
    if (seen)
        hold_against_limits(w);
}

void budget_hear(struct watch *w)
{
    crowd_hear(&w->crowd);
    if (w->state == WATCH_RUNNING)
        hold_against_limits(w);
}

/* What takes the run over its limit; 0 = it is. */
static uint64_t left_ns(const struct watch *w)
{
    const uint64_t over = w->step.limits.cpu_ms * 1000 + 1, used = outcome_cpu_us(w);

    return used < over ? (over - used) * 1000 : 0;
}

uint64_t budget_lasts_ns(const struct step_limits *l, uint64_t cpus, uint64_t left)
{
    const uint64_t by_cpus = left / (l->processes < cpus ? l->processes : cpus);
    const uint64_t by_share = l->cpu_share ? left / l->cpu_share * 1000 : 0;
    const uint64_t burst = 2 * CGROUP_PERIOD_US * 1000;

    return by_share > by_cpus + burst ? by_share - burst : by_cpus;
}

/* How long the run cannot be over its CPU time; 0 = it is. */
static uint64_t sure_ns(const struct watch *w)
{
    const struct step_limits *l = &w->step.limits;
    const uint64_t late = charge_late_ns();
    uint64_t left = left_ns(w), lasts = budget_lasts_ns(l, w->slot->cpus, left);

    if (lasts > 2 * late)
        return lasts - late;
    charge_now(&w->slot->home.cpus);
    left = left_ns(w);
    return left ? budget_lasts_ns(l, w->slot->cpus, left) + 1 : 0;
}

/* Is it short of memory? */
static bool thrashes(struct watch *w)
{
    struct cgroup_memory m;

    return cgroup_memory(w->slot->cgroup, &m) && thrash_look(&w->thrash, &m, outcome_cpu_us(w));
}

void budget_kill(struct watch *w, enum verdict_kill why)
{
    watch_kill(w, thrashes(w) ? KILL_THRASHING : why);
}

void budget_look_at_memory(struct watch *w)
{
    const uint64_t now = clock_mono_ns(), next = (now - w->started_ns) / 2;

    if (thrashes(w))
        watch_kill(w, KILL_THRASHING);
    else
        w->memory_at_ns = now + (w->thrash.near && next > MEMORY_LOOK_NS ? MEMORY_LOOK_NS : next);
}

void budget_look(struct watch *w)
{
    if (!w->slot->isolation.cgroups) {
        look_at_crowd(w);
        return;
    }
    uint64_t sure = sure_ns(w);
    if (!sure) {
        budget_kill(w, KILL_CPU);
        return;
    }
    if (w->slot->scratch.dir >= 0 && sure > CROWD_LOOK_NS)
        sure = CROWD_LOOK_NS;
    if (scratch_is_full(&w->slot->scratch, &w->step)) {
        watch_kill(w, KILL_FILES);
        return;
    }
    w->cpu_at_ns = clock_mono_ns() + (sure > CPU_LOOK_NS ? sure : CPU_LOOK_NS);
}
