/* SPDX-License-Identifier: MPL-2.0 */
#include "base/hash.h"
#include "mesh/frame.h"
#include "sim/world.h"

/*
 * How this works. Every write that becomes durable passes sim_watch_write(), every frame
 * sim_watch_send(), every answer to a client sim_watch_ack() or _view(), every run
 * sim_watch_exec(). What the disks hold is kept by job in the history (struct sim_copy), and
 * each of these places judges the invariants that it can be the first to see broken.
 */

enum { SIM_STARTS_SLACK = 6, SIM_TAKEOVERS_MAX = 2 };

struct sim_watcher {
    struct sim_world *w;
    struct sim_host *h;
};

static const char *sim_name(const struct sim_job *job, char text[ID_TEXT_SIZE])
{
    return id_format(&job->jid, text);
}

/* I5: the value that a ballot and version stand for. */
static void sim_watch_value(struct sim_world *w, struct sim_host *h, struct sim_job *job,
                            const struct inspect_job *now)
{
    struct {
        struct id jid, nid;
        uint64_t epoch, ver;
    } key = {job->jid, now->acc.nid, now->acc.epoch, now->ver};
    uint64_t *known = map_get(w->history.values, &key, sizeof(key));
    char text[ID_TEXT_SIZE];

    if (!known) {
        known = own_calloc(1, sizeof(*known));
        *known = now->value_hash;
        map_set(w->history.values, &key, sizeof(key), known);
    } else if (*known != now->value_hash) {
        sim_violate(w, SIM_I5, "%s writes a second value of job %s, epoch %llu version %u", h->name,
                    sim_name(job, text), (unsigned long long)now->acc.epoch, now->ver);
    }
}

/* I6, and the half of I4 that a disk shows. */
static void sim_watch_order(struct sim_world *w, struct sim_host *h, struct sim_job *job,
                            const struct inspect_job *was, const struct inspect_job *now)
{
    char text[ID_TEXT_SIZE];

    if (sim_ballot_cmp(&now->promised, &was->promised) < 0)
        sim_violate(w, SIM_I6, "%s takes back its promise for job %s (epoch %llu, was %llu)",
                    h->name, sim_name(job, text), (unsigned long long)now->promised.epoch,
                    (unsigned long long)was->promised.epoch);
    if (!sim_reached(now, &was->acc, was->ver))
        sim_violate(w, SIM_I6, "%s goes back behind what it accepted for job %s", h->name,
                    sim_name(job, text));
    if (now->acc.epoch && !sim_reached(was, &now->acc, now->ver) &&
        sim_ballot_cmp(&now->acc, &was->promised) < 0 && !now->decided)
        sim_violate(w, SIM_I6, "%s accepts epoch %llu below its promise of %llu for job %s",
                    h->name, (unsigned long long)now->acc.epoch,
                    (unsigned long long)was->promised.epoch, sim_name(job, text));
    if (was->decided && !now->decided)
        sim_violate(w, SIM_I4, "%s forgets the decision of job %s", h->name, sim_name(job, text));
    if (was->told && !now->told)
        sim_violate(w, SIM_I8, "%s forgets that job %s was told", h->name, sim_name(job, text));
}

/* I3: ends. */
static void sim_watch_end(struct sim_world *w, struct sim_host *h, struct sim_job *job,
                          const struct inspect_job *now)
{
    char text[ID_TEXT_SIZE];

    if (now->terminal && !job->terminal_ns)
        job->terminal_ns = w->queue.now_ns;
    if (!now->decided)
        return;
    if (!job->decided_ns) {
        job->decided_ns = w->queue.now_ns;
        job->decided_hash = now->decided_hash;
        job->decided_state = now->state;
    }
    if (job->decided_hash != now->decided_hash)
        sim_violate(w, SIM_I3, "%s holds a second end of job %s", h->name, sim_name(job, text));
}

static struct sim_copy *sim_watch_copy(struct sim_job *job, struct sim_host *h)
{
    struct sim_copy *copy = sim_history_copy(job, &h->nid);

    if (copy)
        return copy;
    job->copies = own_realloc(job->copies, (job->n_copies + 1) * sizeof(*job->copies));
    copy = &job->copies[job->n_copies++];
    *copy = (struct sim_copy){.nid = h->nid, .host = h->index, .deleted = true};
    return copy;
}

static bool sim_in_set(const struct inspect_job *job, const struct id *nid)
{
    bool in = false;

    for (uint32_t i = 0; i < job->n_rset; i++)
        in = in || id_eq(&job->rset[i], nid);
    for (uint32_t i = 0; i < job->n_prev; i++)
        in = in || id_eq(&job->prev[i], nid);
    return in;
}

/* I9: the job was purged before this was written. What a disk that stalls has still to store is
 * older than that, as is what lies on the disk of a node that left the set and was not told yet,
 * and what a frame that was long on its way brings to such a node. */
static bool sim_returns(const struct sim_job *job, const struct sim_copy *copy,
                        const struct inspect_job *now, uint64_t queued_ns)
{
    const struct sim_copy *latest = sim_history_latest(job);
    bool late = latest && sim_reached(&latest->job, &now->acc, now->ver) &&
                !sim_in_set(&latest->job, &copy->nid);

    return copy->deleted && job->deleted_ns && queued_ns >= job->purged_ns && now->acc.epoch &&
           !now->decided && !late;
}

/* The batch that is being stored is the next one. */
static void sim_watch_changed(const struct sim_host *h, struct sim_copy *copy)
{
    if (copy->changed <= h->disk.snapshot_generation)
        copy->changed = sim_disk_generation(&h->disk) + 1;
}

static void sim_watch_put(struct sim_world *w, struct sim_host *h, const struct inspect_job *now,
                          uint64_t queued_ns)
{
    struct sim_job *job = sim_history_job(w, &now->jid);
    struct sim_copy *copy = sim_watch_copy(job, h);
    char text[ID_TEXT_SIZE];

    if (sim_returns(job, copy, now, queued_ns))
        sim_violate(w, SIM_I9, "%s has job %s again, unfinished; it was purged", h->name,
                    sim_name(job, text));
    /* A disk that went back is behind what it promised; that it tells nobody is I13. */
    if (!copy->deleted && !copy->damaged && !h->amnesiac)
        sim_watch_order(w, h, job, &copy->job, now);
    sim_watch_changed(h, copy);
    copy->job = *now;
    copy->deleted = false;
    copy->damaged = false;
    if (now->acc.epoch)
        sim_watch_value(w, h, job, now);
    sim_history_settle(w, h, job, now);
    sim_watch_end(w, h, job, now);
}

static bool sim_is_there(const struct sim_copy *copy, const struct inspect_job *like)
{
    return sim_reached(&copy->job, &like->acc, like->ver);
}

/* A change of the set that is proposed and not at a majority yet is not in force, also when who
 * proposed it removes its copy. */
static const struct inspect_job *sim_in_force(struct sim_job *job, const struct sim_copy *copy)
{
    const struct sim_copy *latest = sim_history_latest(job);

    if (!latest || sim_history_quorum(job, &latest->job, sim_is_there))
        return latest ? &latest->job : NULL;
    return sim_is_there(copy, &latest->job) && job->settled.acc.epoch ? &job->settled : &copy->job;
}

/* I9: a member of the set in force removes a record. Once that was found right, whoever else hears
 * of it may do so, also when a set has been proposed since. */
static void sim_watch_del(struct sim_world *w, struct sim_host *h, const struct id *jid,
                          uint64_t queued_ns)
{
    struct sim_job *job = sim_history_job(w, jid);
    struct sim_copy *copy = sim_watch_copy(job, h);
    const struct inspect_job *force = sim_in_force(job, copy);
    char text[ID_TEXT_SIZE];

    sim_watch_changed(h, copy);
    copy->deleted = true;
    copy->damaged = false;
    if (!force || !sim_in_set(force, &h->nid))
        return;
    for (uint32_t i = 0; !job->deleted_ns && i < force->n_rset; i++) {
        const struct sim_copy *other = sim_history_copy(job, &force->rset[i]);

        if (other ? other->job.decided || other->gone : !sim_host_named(w, &force->rset[i]))
            continue;
        sim_violate(w, SIM_I9, "%s removes job %u = %s; not every replica holds its decision",
                    h->name, job->index, sim_name(job, text));
    }
    if (!job->deleted_ns)
        job->purged_ns = queued_ns;
    job->deleted_ns = w->queue.now_ns;
}

static void sim_watch_write(void *ctx, const struct sim_write *write, const struct sim_blob *old)
{
    const struct sim_watcher *watcher = ctx;
    struct span key = {write->key, write->klen};
    struct inspect_job job;

    if (watcher->w->history.off || watcher->h->rogue)
        return;
    if (write->del) {
        if (old && inspect_stored(key, sim_blob_span(old), &job) == 0)
            sim_watch_del(watcher->w, watcher->h, &job.jid, write->queued_ns);
        return;
    }
    if (inspect_stored(key, sim_blob_span(write->value), &job) == 0)
        sim_watch_put(watcher->w, watcher->h, &job, write->queued_ns);
}

void sim_watch_commit(struct sim_world *w, struct sim_host *h, uint64_t batch)
{
    struct sim_watcher watcher = {w, h};

    sim_disk_commit(&h->disk, batch, (struct sim_disk_observer){sim_watch_write, &watcher});
}

void sim_watch_crash(struct sim_world *w, struct sim_host *h)
{
    struct sim_watcher watcher = {w, h};

    sim_disk_crash(&h->disk, &w->faults.rng, (struct sim_disk_observer){sim_watch_write, &watcher});
}

void sim_watch_wipe(struct sim_world *w, struct sim_host *h)
{
    for (struct map_item *it = map_first(w->history.jobs); it; it = map_next(it)) {
        struct sim_copy *copy = sim_history_copy(map_value(it), &h->nid);

        if (copy)
            copy->gone = true;
    }
}

/* A start, too, is a batch that is told of; but no job's fate hangs on it. */
bool sim_watch_forgets(struct sim_world *w, const struct sim_host *h)
{
    for (struct map_item *it = map_first(w->history.jobs); it; it = map_next(it)) {
        const struct sim_copy *copy = sim_history_copy(map_value(it), &h->nid);

        if (copy && copy->changed > h->disk.snapshot_generation && copy->changed <= h->told)
            return true;
    }
    return false;
}

struct sim_blob *sim_watch_load(struct sim_world *w, struct sim_host *h, struct span key,
                                struct sim_blob *value)
{
    struct inspect_job now;
    struct sim_job *job;
    struct sim_copy *copy;
    struct sim_blob *rotten;

    if (!w->faults.rot_ppm || !rng_chance(&w->faults.rng, w->faults.rot_ppm) || !value->len ||
        inspect_stored(key, sim_blob_span(value), &now) != 0)
        return sim_blob_ref(value);
    job = sim_history_job(w, &now.jid);
    copy = sim_watch_copy(job, h);
    if (!sim_budget_allows_record(w, h, job) && !w->setup.profile->over_budget)
        return sim_blob_ref(value);
    sim_trace_note(w, h, SIM_NOTE_FAULT, "the record of job %u rots", job->index);
    copy->damaged = true;
    rotten = sim_blob_new(sim_blob_span(value));
    rotten->data[rng_below(&w->faults.rng, rotten->len)] ^=
        (uint8_t)(1u << rng_below(&w->faults.rng, 8));
    sim_blob_free(map_set(h->disk.records, key.data, key.len, rotten));
    return sim_blob_ref(rotten);
}

/* I12, I13: one message of a frame that leaves. */
static void sim_watch_vote(void *ctx, const struct inspect_message *m)
{
    const struct sim_watcher *watcher = ctx;
    struct sim_world *w = watcher->w;
    struct sim_host *h = watcher->h;
    struct sim_job *job;
    const struct sim_copy *copy;
    bool held;
    char text[ID_TEXT_SIZE];

    if (!m->vote || !m->about_job || m->ballot.epoch == 0) /* "I hold nothing" is no vote */
        return;
    job = sim_history_job(w, &m->jid);
    copy = sim_history_copy(job, &h->nid);
    if (h->amnesiac)
        sim_violate(w, SIM_I13, "%s votes (%s) on job %s after its disk went back", h->name,
                    m->name, sim_name(job, text));
    held = copy && !copy->damaged &&
           (copy->job.decided || sim_reached(&copy->job, &m->ballot, m->ver) ||
            (m->ver == 0 && sim_ballot_cmp(&copy->job.promised, &m->ballot) >= 0));
    if (!held && !job->deleted_ns)
        sim_violate(w, SIM_I12, "%s says %s to epoch %llu version %u of job %s; its disk does not",
                    h->name, m->name, (unsigned long long)m->ballot.epoch, m->ver,
                    sim_name(job, text));
}

void sim_watch_send(struct sim_world *w, struct sim_host *h, const struct mesh_effect *fx)
{
    struct sim_watcher watcher = {w, h};
    size_t most = fx->send.lane == MESH_LANE_BULK ? LIMIT_FRAME_BULK : LIMIT_FRAME_CONTROL;

    if (w->history.off || h->rogue)
        return;
    if (fx->send.frame.len > most)
        sim_violate(w, SIM_I18, "%s: a frame of %zu bytes", h->name, fx->send.frame.len);
    if (inspect_frame(fx->send.frame, sim_watch_vote, &watcher) < 0)
        sim_violate(w, SIM_I18, "%s sends a frame that is none", h->name);
}

static void sim_watch_counts(void *ctx, const struct inspect_message *m)
{
    bool *counts = ctx;

    *counts = *counts || m->about_job;
}

void sim_watch_told(struct sim_world *w, struct sim_host *h, struct span frame)
{
    struct frame_head head;
    struct wire_reader r;
    bool counts = false;

    if (w->history.off || frame_decode(frame, &head, &r) != 0 || head.generation <= h->told)
        return;
    (void)inspect_frame(frame, sim_watch_counts, &counts);
    if (counts)
        h->told = head.generation;
}

/* A peer that leaves hands over what still runs elsewhere when its deadline comes, and who takes it
 * over starts it again: that run is given up, whatever becomes of it. */
static void sim_watch_start(struct sim_world *w, struct sim_job *job)
{
    const struct sim_copy *latest = sim_history_latest(job);
    const struct sim_host *owner = sim_host_named(w, &job->start_owner);
    uint64_t now = w->queue.now_ns;

    if (job->starts++ && owner && owner->drain_until >= job->start_ns && owner->drain_until <= now)
        job->cut++;
    job->started_ns = job->started_ns ? job->started_ns : now;
    job->start_ns = now;
    job->start_owner = latest ? latest->job.acc.nid : (struct id){0};
}

void sim_watch_exec(struct sim_world *w, struct sim_host *h, const struct sim_run *run)
{
    struct sim_job *job;
    const struct sim_copy *copy;
    uint32_t most;
    char text[ID_TEXT_SIZE];

    if (w->history.off || h->rogue)
        return;
    job = sim_history_job(w, &run->jid);
    copy = sim_history_copy(job, &h->nid);
    sim_watch_start(w, job);
    job->intent = run->job;
    sim_trace_note(w, h, SIM_NOTE_RUN, "runs job %u, epoch %llu attempt %u", job->index,
                   (unsigned long long)run->epoch, run->attempt);
    if (copy && !copy->deleted && copy->job.decided)
        sim_violate(w, SIM_I11, "%s starts job %s, whose end is on its disk", h->name,
                    sim_name(job, text));
    if (run->job >= w->clients.n_intents)
        return;
    most = w->clients.intents[run->job].attempts_max * (1 + SIM_TAKEOVERS_MAX) + SIM_STARTS_SLACK;
    if (job->starts > most)
        sim_violate(w, SIM_I11, "job %s starts for the %uth time", sim_name(job, text),
                    job->starts);
}

void sim_watch_done(struct sim_world *w, struct sim_host *h, const struct sim_run *run,
                    enum mesh_outcome outcome)
{
    static const char *const words[] = {"result", "broken", "killed"};

    if (outcome == MESH_OUTCOME_KILLED)
        sim_watch_cut(w, run);
    if (!w->history.off)
        sim_trace_note(w, h, SIM_NOTE_RUN, "has run job %u: %s", run->job, words[outcome]);
}

void sim_watch_cut(struct sim_world *w, const struct sim_run *run)
{
    struct sim_job *job = w->history.off ? NULL : sim_history_job(w, &run->jid);

    if (!job)
        return;
    job->cut++;
    job->start_owner = (struct id){0};
}

static bool sim_is_kept(const struct sim_copy *copy, const struct inspect_job *like)
{
    (void)like;
    return copy->job.acc.epoch != 0; /* gone now or not: it was there to vote */
}

/* A majority has it. A change of the set that is proposed and not at a majority yet is not in
 * force, as for I9: the set before it is, and whoever comes to own the job must ask that one. */
static bool sim_is_durable(struct sim_job *job, const struct inspect_job *latest)
{
    return sim_history_quorum(job, latest, sim_is_kept) ||
           (latest->n_prev && !sim_history_quorum(job, latest, sim_is_there) &&
            sim_history_count(job, latest, true, sim_is_kept) >= latest->n_prev / 2u + 1);
}

void sim_watch_ack(struct sim_world *w, struct sim_host *h, const struct id *jid, uint32_t intent)
{
    struct sim_job *job = sim_history_job(w, jid);
    const struct sim_copy *latest = sim_history_latest(job);
    char text[ID_TEXT_SIZE];

    if (intent != UINT32_MAX)
        job->intent = intent;
    if (!job->acked_ns) {
        job->acked_ns = w->queue.now_ns;
        w->history.acks++;
        sim_trace_note(w, h, SIM_NOTE_ACK, "acknowledges job %u = %s", job->index,
                       sim_name(job, text));
    }
    if (job->decided_ns || job->deleted_ns)
        return;
    if (!latest || !sim_is_durable(job, &latest->job))
        sim_violate(w, SIM_I1, "%s acknowledges job %s; no majority has it on disk", h->name,
                    sim_name(job, text));
}

void sim_watch_cancelled(struct sim_world *w, const struct id *jid)
{
    struct sim_job *job = sim_history_job(w, jid);

    if (!job->cancel_acked_ns) {
        job->cancel_acked_ns = w->queue.now_ns;
        w->history.cancels++;
    }
}

static bool sim_had_end(const struct sim_copy *copy, const struct inspect_job *like)
{
    return copy->job.terminal && copy->job.value_hash == like->value_hash;
}

/* A majority has voted for an end, though a disk of it was destroyed before the last one did:
 * the vote was given, and the loss is within the budget. */
static bool sim_had_majority(struct sim_job *job)
{
    for (uint32_t i = 0; i < job->n_copies; i++) {
        const struct inspect_job *like = &job->copies[i].job;

        if (like->terminal && sim_history_quorum(job, like, sim_had_end))
            return true;
    }
    return false;
}

void sim_watch_view(struct sim_world *w, struct sim_host *h, const struct message_job *view)
{
    struct sim_job *job = sim_history_job(w, &view->jid);
    uint64_t hash = hash_sip(1, view->state, view->result.data, view->result.len);
    char text[ID_TEXT_SIZE];

    job->seen_ns = job->seen_ns ? job->seen_ns : w->queue.now_ns;
    if (!job->decided_ns && !job->settled.terminal && !sim_had_majority(job))
        sim_violate(w, SIM_I4, "%s shows job %s as ended before it is decided", h->name,
                    sim_name(job, text));
    if (job->decided_ns && view->state != job->decided_state)
        sim_violate(w, SIM_I3, "%s shows job %s as %s, decided is %s", h->name, sim_name(job, text),
                    message_state_name(view->state), message_state_name(job->decided_state));
    if (view->state == MESSAGE_STATE_COMPLETED && view->result.len == 0)
        return;
    if (job->view_hash && job->view_hash != hash)
        sim_violate(w, SIM_I4, "%s shows another end of job %s than was shown before", h->name,
                    sim_name(job, text));
    job->view_hash = hash;
    job->view_state = view->state;
}
