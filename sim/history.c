/* SPDX-License-Identifier: MPL-2.0 */
#include "sim/history.h"

#include "sim/world.h"

enum { SIM_HISTORY_SEED = 3 };

void sim_history_init(struct sim_world *w)
{
    w->history = (struct sim_history){.jobs = map_new(SIM_HISTORY_SEED),
                                      .values = map_new(SIM_HISTORY_SEED)};
}

void sim_history_done(struct sim_world *w)
{
    struct sim_history *y = &w->history;

    if (!y->jobs)
        return;
    for (struct map_item *it = map_first(y->jobs); it; it = map_next(it)) {
        struct sim_job *job = map_value(it);

        free(job->copies);
        free(job);
    }
    for (struct map_item *it = map_first(y->values); it; it = map_next(it))
        free(map_value(it));
    map_free(y->jobs);
    map_free(y->values);
    *y = (struct sim_history){0};
}

struct sim_job *sim_history_find(const struct sim_world *w, const struct id *jid)
{
    return map_get(w->history.jobs, jid->b, sizeof(jid->b));
}

struct sim_job *sim_history_job(struct sim_world *w, const struct id *jid)
{
    struct sim_job *job = sim_history_find(w, jid);

    if (job)
        return job;
    job = own_calloc(1, sizeof(*job));
    job->jid = *jid;
    job->index = w->history.n_jobs++;
    job->intent = UINT32_MAX;
    map_set(w->history.jobs, jid->b, sizeof(jid->b), job);
    return job;
}

struct sim_copy *sim_history_copy(struct sim_job *job, const struct id *nid)
{
    for (uint32_t i = 0; i < job->n_copies; i++) {
        if (id_eq(&job->copies[i].nid, nid))
            return &job->copies[i];
    }
    return NULL;
}

uint32_t sim_history_count(struct sim_job *job, const struct inspect_job *like, bool prev,
                           sim_copy_fn *ok)
{
    const struct id *ids = prev ? like->prev : like->rset;
    uint32_t n = prev ? like->n_prev : like->n_rset;
    uint32_t found = 0;

    for (uint32_t i = 0; i < n; i++) {
        const struct sim_copy *copy = sim_history_copy(job, &ids[i]);

        found += copy && ok(copy, like);
    }
    return found;
}

bool sim_history_quorum(struct sim_job *job, const struct inspect_job *like, sim_copy_fn *ok)
{
    if (sim_history_count(job, like, false, ok) < like->n_rset / 2u + 1)
        return false;
    return !like->n_prev || sim_history_count(job, like, true, ok) >= like->n_prev / 2u + 1;
}

int sim_ballot_cmp(const struct inspect_ballot *a, const struct inspect_ballot *b)
{
    if (a->epoch != b->epoch)
        return a->epoch < b->epoch ? -1 : 1;
    return id_cmp(&a->nid, &b->nid);
}

bool sim_reached(const struct inspect_job *job, const struct inspect_ballot *ballot, uint32_t ver)
{
    int cmp = sim_ballot_cmp(&job->acc, ballot);

    return cmp > 0 || (cmp == 0 && job->ver >= ver);
}

/* It has accepted `like`, or a later version of the same ballot, which continues it. */
static bool sim_continues(const struct sim_copy *copy, const struct inspect_job *like)
{
    return !copy->gone && !copy->damaged && sim_ballot_cmp(&copy->job.acc, &like->acc) == 0 &&
           copy->job.ver >= like->ver;
}

/* Everything that `now` counts is at least what the settled value counted. Once it is decided that
 * goes for the end alone: a copy takes it whatever it has promised (record_join()), so a ballot
 * that was promised before may pass over a change of the set, and makes it again. */
static bool sim_follows(const struct inspect_job *now, const struct inspect_job *settled)
{
    return now->attempt >= settled->attempt && now->failures >= settled->failures &&
           now->broken >= settled->broken && (now->gen >= settled->gen || now->decided) &&
           (!settled->terminal || now->end_hash == settled->end_hash);
}

/* What a majority of every set in force held was shown to whoever prepared a later ballot: what is
 * accepted in that ballot follows it. Two quorums that do not meet break this long before the
 * job has two ends. */
void sim_history_settle(struct sim_world *w, const struct sim_host *h, struct sim_job *job,
                        const struct inspect_job *now)
{
    char text[ID_TEXT_SIZE];

    if (now->acc.epoch == 0 || sim_reached(&job->settled, &now->acc, now->ver))
        return;
    if (job->settled.acc.epoch && !sim_follows(now, &job->settled))
        sim_violate(w, SIM_I7,
                    "%s accepts epoch %llu version %u of job %s, which knows nothing of "
                    "epoch %llu version %u that was at a majority",
                    h->name, (unsigned long long)now->acc.epoch, now->ver,
                    id_format(&job->jid, text), (unsigned long long)job->settled.acc.epoch,
                    job->settled.ver);
    if (!sim_history_quorum(job, now, sim_continues))
        return;
    if (now->terminal && !job->settled.terminal)
        sim_trace_note(w, h, SIM_NOTE_JOB, "job %s has ended at a majority",
                       id_format(&job->jid, text));
    job->settled = *now;
}

const struct sim_copy *sim_history_latest(const struct sim_job *job)
{
    const struct sim_copy *latest = NULL;

    for (uint32_t i = 0; i < job->n_copies; i++) {
        const struct sim_copy *copy = &job->copies[i];

        if (copy->gone || copy->damaged || copy->job.acc.epoch == 0)
            continue;
        if (!latest || !sim_reached(&latest->job, &copy->job.acc, copy->job.ver) ||
            (copy->job.decided && sim_reached(&copy->job, &latest->job.acc, latest->job.ver)))
            latest = copy;
    }
    return latest;
}
