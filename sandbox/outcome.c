/* SPDX-License-Identifier: MPL-2.0 */
#include "sandbox/outcome.h"

/* CPU time of the program so far: up to the kill, if there was one. What the kernel then spends on
 * taking processes apart is not the program's. */
uint64_t outcome_cpu_us(const struct watch *w)
{
    uint64_t us;

    if (w->killed_us)
        return w->killed_us;
    if (cgroup_cpu(w->slot->cgroup, &us))
        return us > w->overhead_us ? us - w->overhead_us : 0;
    /* Not all of its processes need have been waited for. */
    if (w->exit.what == REPORT_EXITED && w->exit.cpu_us > w->crowd.cpu_us)
        return w->exit.cpu_us;
    return w->crowd.cpu_us;
}

static void fill(const struct watch *w, struct facts *f, struct step_outcome *o)
{
    struct quality_figures q = {0};

    o->cpu_us = f->cpu_us;
    o->wall_us = f->wall_us;
    o->memory = f->memory;
    o->out_truncated = f->out_truncated;
    o->err_truncated = f->err_truncated;
    o->switches_voluntary = w->exit.switches_voluntary;
    o->switches_forced = w->exit.switches_forced;
    if (w->started_ns) {
        quality_end(&w->slot->quality, &q);
        o->pressure_us = f->use.pressure_us ? f->use.pressure_us : q.pressure_us;
    }
    o->steal_us = q.steal_us;
    o->cpu_khz = q.cpu_khz;
    o->setup_us = w->started_ns > w->asked_ns ? (w->started_ns - w->asked_ns) / 1000 : 0;
}

static uint64_t final_cpu_us(const struct watch *w, const struct cgroup_use *use)
{
    if (w->killed_us || !use->cpu_us)
        return outcome_cpu_us(w);
    return use->cpu_us > w->overhead_us ? use->cpu_us - w->overhead_us : 0;
}

void outcome_decide(struct watch *w)
{
    const struct profile *p = profile_find(w->slot->profiles, w->step.profile);
    struct facts f = {.limits = &w->step.limits,
                      .kill = w->kill,
                      .exited = w->exit.what == REPORT_EXITED && w->kill == KILL_NONE,
                      .status = w->exit.status,
                      .out_truncated = w->streams[0].truncated,
                      .err_truncated = w->streams[1].truncated,
                      .err = buf_span(&w->streams[1].data),
                      .thrash = w->thrash,
                      .refused = w->refused,
                      .err_text = w->err_text};

    cgroup_use(w->slot->cgroup, &f.use);
    f.files_missed = w->files_missed;
    f.box_full = f.exited && w->exit.box_full;
    f.cpu_us = final_cpu_us(w, &f.use);
    f.memory = f.use.memory_peak ? f.use.memory_peak : w->exit.memory;
    if (w->crowd.memory > f.memory)
        f.memory = w->crowd.memory;
    if (f.memory > w->step.limits.memory)
        f.memory = w->step.limits.memory;
    if (w->started_ns && w->ended_ns > w->started_ns)
        f.wall_us = (w->ended_ns - w->started_ns) / 1000;
    if (p)
        f.memory_errors = profile_memory_errors(p, w->step.phase);
    verdict_decide(&f, &w->outcome);
    w->doubt = w->refused[0] || f.use.forks_refused || w->kill != KILL_NONE;
    fill(w, &f, &w->outcome);
}
