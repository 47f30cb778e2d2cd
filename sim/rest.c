/* SPDX-License-Identifier: MPL-2.0 */
#include "base/err.h"
#include "sim/world.h"

/*
 * How this works. After the last fault the world is looked at again and again: it is at rest
 * when every client is content, every acknowledged job is decided on its whole replica set or
 * purged, every callback was called, nothing runs (what is killed takes a while to die), and every
 * mesh has an empty backlog and sees everybody alive. If that does not come in time, the first
 * thing that stands in the way is the violation (I15). Once it has come, sim_rest_check() judges
 * what must hold then.
 */

enum { SIM_REST_WELL_S = 10 };

struct sim_rest {
    struct sim_world *w;
    const struct sim_host *h;
    uint32_t alive;
    uint32_t owned;
    bool stranger;
    char *why;
    size_t size;
    bool good;
};

static bool sim_rest_no(struct sim_rest *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static bool sim_rest_no(struct sim_rest *r, const char *fmt, ...)
{
    va_list ap;

    if (r->good) {
        va_start(ap, fmt);
        vsnprintf(r->why, r->size, fmt, ap);
        va_end(ap);
    }
    r->good = false;
    return false;
}

static void sim_rest_member(void *ctx, const struct inspect_member *member)
{
    struct sim_rest *r = ctx;
    const struct sim_host *of = sim_host_named(r->w, &member->nid);

    if (of && of->rogue != r->h->rogue)
        r->stranger = true;
    else if (of && strcmp(member->state, "alive") == 0)
        r->alive++;
    else if (of)
        sim_rest_no(r, "%s sees %s as %s", r->h->name, of->name, member->state);
}

static void sim_rest_host_look(struct sim_rest *r)
{
    struct inspect_backlog left;

    if (!r->h->mesh) {
        sim_rest_no(r, "%s is down", r->h->name);
        return;
    }
    r->alive = 0;
    inspect_members(r->h->mesh, sim_rest_member, r);
    if (r->good && !r->h->rogue && r->alive != r->w->swarm.nodes)
        sim_rest_no(r, "%s sees %u of %u peers alive", r->h->name, r->alive, r->w->swarm.nodes);
    inspect_backlog_get(r->h->mesh, &left);
    if (left.proposals || left.takeovers || left.reads || left.behind)
        sim_rest_no(r, "%s has %llu proposals, %llu takeovers, %llu reads, %llu replicas behind",
                    r->h->name, (unsigned long long)left.proposals,
                    (unsigned long long)left.takeovers, (unsigned long long)left.reads,
                    (unsigned long long)left.behind);
    if (r->h->disk.first)
        sim_rest_no(r, "%s has unsynced batches", r->h->name);
    if (r->h->slots.used)
        sim_rest_no(r, "%s has %u runs", r->h->name, r->h->slots.used);
}

static void sim_rest_job_look(struct sim_rest *r, struct sim_job *job)
{
    const struct sim_copy *latest = sim_history_latest(job);
    char text[ID_TEXT_SIZE];

    if (job->deleted_ns || (!job->acked_ns && !latest))
        return;
    if (!latest) {
        sim_rest_no(r, "job %s is on no disk", id_format(&job->jid, text));
        return;
    }
    if (sim_callbacks_left(r->w, job))
        sim_rest_no(r, "the callback of job %s was never called", id_format(&job->jid, text));
    if (latest->job.n_prev)
        sim_rest_no(r, "the replica set of job %s is in change", id_format(&job->jid, text));
    for (uint32_t i = 0; i < latest->job.n_rset; i++) {
        const struct sim_copy *copy = sim_history_copy(job, &latest->job.rset[i]);

        if (copy && !copy->gone && !copy->deleted && copy->job.decided)
            continue;
        sim_rest_no(r, "job %s (%s, %sacknowledged, latest on %s) is not decided on replica %u%s",
                    id_format(&job->jid, text), message_state_name(latest->job.state),
                    job->acked_ns ? "" : "not ", r->w->hosts[latest->host].name, i,
                    copy && copy->gone ? ", which is lost" : "");
    }
}

/* Forgets what is lost of a set that has no majority left. */
static void sim_rest_forget_set(struct sim_world *w, const struct id *set, uint32_t n)
{
    uint32_t lost = 0;

    for (uint32_t i = 0; i < n; i++)
        lost += sim_host_named(w, &set[i]) == NULL;
    for (uint32_t i = 0; i < n && lost > n - (n / 2 + 1); i++) {
        if (!sim_host_named(w, &set[i]))
            sim_clients_forget(w, &set[i]);
    }
}

void sim_rest_forget(struct sim_world *w)
{
    for (struct map_item *it = map_first(w->history.jobs); it; it = map_next(it)) {
        const struct sim_job *job = map_value(it);
        const struct sim_copy *latest = sim_history_latest(job);

        if (!latest || job->deleted_ns)
            continue;
        sim_rest_forget_set(w, latest->job.rset, latest->job.n_rset);
        sim_rest_forget_set(w, latest->job.prev, latest->job.n_prev);
    }
}

/* The first bytes of the names in a set: "b9 a8 2d". */
static const char *sim_rest_set(const struct id *ids, uint32_t n, char text[32])
{
    text[0] = 0;
    for (uint32_t i = 0; i < n && i < LIMIT_REPLICAS; i++)
        snprintf(text + strlen(text), 32 - strlen(text), "%02x ", ids[i].b[0]);
    return text;
}

/* What each disk says of the job; for a trace. */
static void sim_rest_copies(struct sim_world *w, const struct sim_job *job)
{
    char set[32], prev[32], text[ID_TEXT_SIZE];

    sim_trace_note(w, NULL, SIM_NOTE_JOB, "job %u = %s", job->index, id_format(&job->jid, text));
    for (uint32_t i = 0; i < job->n_copies; i++) {
        const struct sim_copy *c = &job->copies[i];

        sim_trace_note(
            w, &w->hosts[c->host], SIM_NOTE_JOB,
            "job %u: (%02x) promised %llu.%02x accepted %llu.%02x v%u set %s prev %s%s%s%s%s",
            job->index, c->nid.b[0], (unsigned long long)c->job.promised.epoch,
            c->job.promised.nid.b[0], (unsigned long long)c->job.acc.epoch, c->job.acc.nid.b[0],
            c->job.ver, sim_rest_set(c->job.rset, c->job.n_rset, set),
            sim_rest_set(c->job.prev, c->job.n_prev, prev), c->job.terminal ? " terminal" : "",
            c->job.decided ? " decided" : "", c->deleted ? " deleted" : "",
            c->damaged ? " damaged"
            : c->gone  ? " gone"
                       : "");
    }
}

/* What the copies of every job say. */
void sim_rest_tell(struct sim_world *w)
{
    for (struct map_item *it = map_first(w->history.jobs); it; it = map_next(it))
        sim_rest_copies(w, map_value(it));
}

bool sim_rest_reached(struct sim_world *w, char *why, size_t size)
{
    struct sim_rest r = {.w = w, .why = why, .size = size, .good = true};

    for (uint32_t i = 0; i < w->n_hosts; i++) {
        r.h = &w->hosts[i];
        sim_rest_host_look(&r);
    }
    if (r.stranger)
        sim_violate(w, SIM_I16, "a peer of another cluster is a member");
    for (struct map_item *it = map_first(w->history.jobs); it && r.good; it = map_next(it))
        sim_rest_job_look(&r, map_value(it));
    if (r.good && !sim_intents_content(w))
        sim_rest_no(&r, "a client has not seen its job end");
    return r.good;
}

/* --- what holds at rest ----------------------------------------------------------------------- */

/* I2: total-queue (Jepsen): lost = acknowledged - ended. I10: cancels. I14: equal replicas. */
static void sim_rest_job_check(struct sim_world *w, struct sim_job *job)
{
    const struct sim_copy *latest = sim_history_latest(job);
    char text[ID_TEXT_SIZE];

    if (job->acked_ns && !job->decided_ns)
        sim_violate(w, SIM_I2, "job %s was acknowledged and never ended",
                    id_format(&job->jid, text));
    if (job->cancel_acked_ns && job->decided_ns && job->decided_state != MESSAGE_STATE_CANCELLED &&
        job->terminal_ns > job->cancel_acked_ns)
        sim_violate(w, SIM_I10, "job %s is %s; its cancel was confirmed before it ended",
                    id_format(&job->jid, text), message_state_name(job->decided_state));
    if (w->setup.profile->gentle && job->starts > 1 + job->cut)
        sim_violate(w, SIM_I20, "job %s started %u times, %u of them were cut off",
                    id_format(&job->jid, text), job->starts, job->cut);
    if (!latest || job->deleted_ns)
        return;
    for (uint32_t i = 0; i < latest->job.n_rset; i++) {
        const struct sim_copy *copy = sim_history_copy(job, &latest->job.rset[i]);

        if (!copy || copy->job.decided_hash != latest->job.decided_hash ||
            copy->job.value_hash != latest->job.value_hash || copy->job.ver != latest->job.ver)
            sim_violate(w, SIM_I14, "the replicas of job %s are not equal",
                        id_format(&job->jid, text));
    }
}

static bool sim_rest_member_of(const struct inspect_job *job, const struct id *nid)
{
    bool in = false;

    for (uint32_t i = 0; i < job->n_rset; i++)
        in = in || id_eq(&job->rset[i], nid);
    return in;
}

/* I3, I14: what the meshes hold in memory is what the disks say. */
static void sim_rest_memory(void *ctx, const struct inspect_job *job)
{
    struct sim_rest *r = ctx;
    struct sim_job *known = sim_history_find(r->w, &job->jid);
    const struct sim_copy *latest = known ? sim_history_latest(known) : NULL;
    char text[ID_TEXT_SIZE];

    if (job->decided && known && known->decided_ns && known->decided_hash != job->decided_hash)
        sim_violate(r->w, SIM_I3, "%s holds another end of job %s", r->h->name,
                    id_format(&job->jid, text));
    /* One that left the set before may not have asked yet; it has no vote. */
    if (latest && known->deleted_ns && !job->decided && job->acc.epoch &&
        sim_rest_member_of(&latest->job, &r->h->nid))
        sim_violate(r->w, SIM_I9, "%s holds job %s, which was purged", r->h->name,
                    id_format(&job->jid, text));
}

/* Copies that a change of the set left behind; their nodes may not know of that yet. */
static uint64_t sim_rest_left_behind(const struct sim_job *job, const struct inspect_job *latest)
{
    uint64_t n = 0;

    for (uint32_t i = 0; i < job->n_copies; i++) {
        const struct sim_copy *copy = &job->copies[i];

        n += !copy->gone && !copy->deleted && !sim_rest_member_of(latest, &copy->nid);
    }
    return n;
}

/* How often jobs that ended so are counted, at least and at most: one that is being purged is
 * while the node that tells of it was not told. */
static void sim_rest_ended(const struct sim_world *w, enum message_state state, uint64_t *least,
                           uint64_t *most)
{
    for (struct map_item *it = map_first(w->history.jobs); it; it = map_next(it)) {
        const struct sim_job *job = map_value(it);
        const struct sim_copy *latest = sim_history_latest(job);

        if (!job->decided_ns || job->decided_state != state || !latest)
            continue;
        *least += job->deleted_ns == 0;
        *most += 1 + sim_rest_left_behind(job, &latest->job);
    }
}

/* I19: every job that ended is counted by one node. */
static void sim_rest_gauges(struct sim_world *w)
{
    static const enum message_state ends[] = {MESSAGE_STATE_COMPLETED, MESSAGE_STATE_FAILED,
                                              MESSAGE_STATE_CANCELLED};

    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        uint64_t least = 0, most = 0, sum = 0;

        for (uint32_t n = 0; n < w->n_hosts; n++) {
            struct message_stats s;

            if (w->hosts[n].rogue || !w->hosts[n].mesh)
                continue;
            mesh_stats_get(w->hosts[n].mesh, &s);
            sum += s.jobs[ends[i]];
        }
        sim_rest_ended(w, ends[i], &least, &most);
        if (sum < least || sum > most)
            sim_violate(w, SIM_I19, "the nodes count %llu %s jobs; there are %llu to %llu",
                        (unsigned long long)sum, message_state_name(ends[i]),
                        (unsigned long long)least, (unsigned long long)most);
    }
}

/* I19: no job is live, so no gauge of a live state may count one. */
static void sim_rest_stats(struct sim_world *w, const struct sim_host *h)
{
    struct message_stats s;

    mesh_stats_get(h->mesh, &s);
    if (s.jobs[MESSAGE_STATE_QUEUED] || s.jobs[MESSAGE_STATE_DELAYED] ||
        s.jobs[MESSAGE_STATE_ACTIVE])
        sim_violate(w, SIM_I19, "%s counts %llu queued, %llu delayed, %llu active jobs; none is",
                    h->name, (unsigned long long)s.jobs[MESSAGE_STATE_QUEUED],
                    (unsigned long long)s.jobs[MESSAGE_STATE_DELAYED],
                    (unsigned long long)s.jobs[MESSAGE_STATE_ACTIVE]);
    if (s.under_replicated)
        sim_violate(w, SIM_I14, "%s counts %llu under-replicated jobs", h->name,
                    (unsigned long long)s.under_replicated);
    if (s.slots_busy)
        sim_violate(w, SIM_I19, "%s counts %u busy slots", h->name, s.slots_busy);
}

void sim_rest_check(struct sim_world *w)
{
    struct sim_rest r = {.w = w, .good = true};

    for (struct map_item *it = map_first(w->history.jobs); it; it = map_next(it))
        sim_rest_job_check(w, map_value(it));
    for (uint32_t i = 0; i < w->n_hosts; i++) {
        if (w->hosts[i].rogue || !w->hosts[i].mesh)
            continue;
        r.h = &w->hosts[i];
        mesh_check(r.h->mesh);
        inspect_jobs(r.h->mesh, sim_rest_memory, &r);
        sim_rest_stats(w, r.h);
    }
    sim_rest_gauges(w);
}

/* Another replica has been well for a while: the job could have been handed to it. */
static bool sim_rest_heir(const struct sim_rest *r, const struct inspect_job *job)
{
    uint64_t now = r->w->queue.now_ns;

    for (uint32_t i = 0; i < job->n_rset; i++) {
        const struct sim_host *h = sim_host_named(r->w, &job->rset[i]);

        if (h && h != r->h && h->mesh && !h->leaving && !h->amnesiac && !h->step_ns &&
            now > h->up_since + SIM_REST_WELL_S * SIM_S && now > h->paused_until)
            return true;
    }
    return false;
}

static void sim_rest_owned(void *ctx, const struct inspect_job *job)
{
    struct sim_rest *r = ctx;

    r->owned += job->owner && !job->decided && !job->terminal && sim_rest_heir(r, job);
}

void sim_rest_drained(struct sim_world *w, struct sim_host *h)
{
    struct sim_rest r = {.w = w, .h = h, .good = true};
    uint64_t now = w->queue.now_ns;

    /* Past its deadline, or cut off, it may leave what it could not hand over: the disk stays. */
    if (now >= h->drain_until || now < w->net.blocked_ns + SIM_REST_WELL_S * SIM_S)
        return;
    inspect_jobs(h->mesh, sim_rest_owned, &r);
    if (r.owned)
        sim_violate(w, SIM_I20, "%s says it is drained and owns %u live jobs", h->name, r.owned);
}
