/* SPDX-License-Identifier: MPL-2.0 */
#include "sim/world.h"

/*
 * How this works. The protocol promises to survive the loss of n - W of the n copies that a
 * job's replica set names, at any moment, and as many again once they are replaced. So a copy
 * may be destroyed only while no set that still counts for the job (the one in force, and the
 * one before it while both do) would have more members lost than that.
 */

static bool sim_budget_lost(const struct sim_world *w, struct sim_job *job, const struct id *nid)
{
    const struct sim_copy *copy = sim_history_copy(job, nid);

    if (copy && (copy->gone || copy->damaged))
        return true;
    for (uint32_t i = 0; i < w->n_hosts; i++) {
        if (id_eq(&w->hosts[i].nid, nid))
            return w->hosts[i].amnesiac;
    }
    return true; /* no disk has that name any more */
}

static bool sim_budget_set(const struct sim_world *w, struct sim_job *job, const struct id *set,
                           uint32_t n, const struct id *victim)
{
    uint32_t lost = 0;
    bool named = false;

    for (uint32_t i = 0; i < n; i++) {
        named = named || id_eq(&set[i], victim);
        lost += id_eq(&set[i], victim) || sim_budget_lost(w, job, &set[i]);
    }
    return !named || lost <= n - (n / 2 + 1);
}

bool sim_budget_allows_record(struct sim_world *w, const struct sim_host *h, struct sim_job *job)
{
    /* Copies may disagree for a while about the set in force; each of them may be it. */
    for (uint32_t i = 0; i < job->n_copies; i++) {
        const struct sim_copy *c = &job->copies[i];

        if (c->gone || c->deleted || c->job.acc.epoch == 0)
            continue;
        if (!sim_budget_set(w, job, c->job.rset, c->job.n_rset, &h->nid) ||
            !sim_budget_set(w, job, c->job.prev, c->job.n_prev, &h->nid))
            return false;
    }
    return true;
}

bool sim_budget_allows_disk(struct sim_world *w, const struct sim_host *h)
{
    if (w->setup.profile->over_budget)
        return true;
    for (struct map_item *it = map_first(w->history.jobs); it; it = map_next(it)) {
        if (!sim_budget_allows_record(w, h, map_value(it)))
            return false;
    }
    return true;
}
