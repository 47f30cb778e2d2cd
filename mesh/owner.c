/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works
 *
 *               settled            slot free             settled (or at once)
 *     SETTLING ---------> WAITING -----------> STARTING ---------> RUNNING
 *         |                  ^                                       |
 *         |                  +---- broken, retry / lost, requeue ----+
 *         |                                                          | outcome, cancel
 *         +--- it had ended already ---> FINISHING <-----------------+
 *                                            | settled
 *                                            v
 *                                         decided
 *
 * The first start of a job's first owner does not wait for the disk. Any other does: the
 * announcement of the start is at a majority before it happens, so that a job which kills
 * what runs it is counted, and ends as FAILED, however often everything goes down.
 */
#include "mesh/owner.h"

#include "mesh/accept.h"
#include "mesh/exec.h"
#include "mesh/job.h"
#include "mesh/lag.h"
#include "mesh/reconfig.h"
#include "mesh/result.h"
#include "mesh/sched.h"
#include "mesh/stats.h"
#include "mesh/steal.h"
#include "mesh/store.h"
#include "mesh/tally.h"
#include "mesh/timer.h"
#include "mesh/watch.h"

#include <assert.h>

void owner_begin(struct mesh *m, struct job *j)
{
    assert(!j->own && !j->take && id_eq(&j->r.acc.nid, &m->cfg.nid));
    j->own = own_calloc(1, sizeof(*j->own));
    j->own->job = j;
    j->own->run_due_ns = STATE_NEVER;
    j->change = 0;
    j->next_event = 0;
    lag_remove(m, j);
    j->n_replicas = 0;
    accept_propose(m, j);
}

/* A slot of this node is kept for a start that is not settled yet. */
static void owner_keep_slot(struct mesh *m, struct job *j, bool keep)
{
    if (j->own->slot == keep)
        return;
    j->own->slot = keep;
    m->slots_kept += keep ? 1 : UINT32_MAX;
}

void owner_end(struct mesh *m, struct job *j)
{
    if (!j->own)
        return;
    owner_keep_slot(m, j, false);
    queue_remove(m->queue, &j->own->item);
    free(STEAL(j->own));
}

static void owner_wait(struct mesh *m, struct job *j)
{
    struct queue_wish wish = {
        .tenant = j->r.origin->head.tenant, .priority = j->r.origin->head.priority, .cost = 1};
    int64_t left_ms = j->r.v.not_before_ms - m->now.wall_ms;

    if (left_ms > j->r.v.delay_ms)
        left_ms = j->r.v.delay_ms;
    if (j->r.v.delay_ms > 0 && left_ms > 0)
        wish.not_before_ns = m->now.mono_ns + (uint64_t)left_ms * STATE_MS;
    j->own->stage = OWN_WAITING;
    j->own->run_due_ns = STATE_NEVER;
    j->own->queued_ns = m->now.mono_ns;
    sched_add(m, j, &wish);
    /* The queue counts it from here on; both are read together. */
    tally_set(m, j);
    watch_changed(m, j);
}

static void owner_decide(struct mesh *m, struct job *j)
{
    j->r.decided = true;
    j->r.final = j->r.v.term;
    accept_spread(m, j);
    stats_decided(m, j);
    if (j->own->remote)
        steal_ack(m, j);
    job_decided(m, j);
}

static void owner_run(struct mesh *m, struct job *j)
{
    j->own->stage = OWN_RUNNING;
    j->own->run_epoch = j->r.acc.epoch;
    owner_keep_slot(m, j, false);
    if (j->own->remote)
        steal_grant(m, j);
    else
        exec_own(m, j);
}

/* An end is at a majority. A decided job is owned on only to change its set. */
static void owner_ended(struct mesh *m, struct job *j)
{
    j->own->stage = OWN_FINISHING;
    if (!j->r.decided)
        owner_decide(m, j);
    else if (j->r.v.n_prev == 0 && !reconfig_try(m, j))
        job_decided(m, j);
}

static void owner_settled(struct mesh *m, struct job *j)
{
    enum own_stage stage = j->own->stage;

    if (stage == OWN_SETTLING && j->r.acc.epoch == 1)
        watch_event(m, j, MESSAGE_EVENT_QUEUED, (struct span){0});
    watch_durable(m, j);
    if (j->r.v.phase == RECORD_TERMINAL)
        owner_ended(m, j);
    else if (j->r.cancel)
        owner_cancel(m, j);
    else if (stage == OWN_SETTLING)
        owner_wait(m, j);
    else if (stage == OWN_STARTING)
        owner_run(m, j);
    if (j->own && j->own->acked && j->r.v.n_prev > 0) {
        j->r.v.n_prev = 0;
        accept_propose(m, j);
    }
}

void owner_progress(struct mesh *m, struct job *j)
{
    if (j->own->acked || !accept_settled(m, j))
        return;
    j->own->acked = true;
    owner_settled(m, j);
}

void owner_due(struct mesh *m, struct job *j)
{
    if (j->own->stage == OWN_RUNNING && j->own->remote && j->own->run_due_ns <= m->now.mono_ns) {
        if (j->own->confirmed || j->own->lease_end_ns <= m->now.mono_ns)
            owner_lost(m, j);
        else
            steal_grant(m, j);
    }
    accept_push(m, j);
    /* Who counts may have changed since the last answer. */
    owner_progress(m, j);
}

uint64_t owner_next(const struct mesh *m, const struct job *j)
{
    return timer_min(accept_next(m, j), j->own->run_due_ns);
}

/* ---- a run ---- */

void owner_start(struct mesh *m, struct job *j, const struct id *peer)
{
    bool first = j->r.acc.epoch == 1 && j->r.v.failures == 0;

    assert(j->own && j->own->stage == OWN_WAITING && j->r.v.phase == RECORD_PENDING);
    j->own->remote = peer != NULL;
    if (peer)
        j->own->peer = *peer;
    owner_keep_slot(m, j, !peer);
    j->own->stage = OWN_STARTING;
    j->own->started_ms = m->now.wall_ms;
    j->own->done = 0;
    j->r.v.running = true;
    j->r.v.attempt++;
    stats_waited(m, m->now.mono_ns - j->own->queued_ns);
    accept_propose(m, j);
    if (first)
        owner_run(m, j);
    else
        owner_progress(m, j);
}

void owner_started(struct mesh *m, struct job *j, const char *node)
{
    (void)snprintf(j->own->node, sizeof(j->own->node), "%s", node);
    j->own->started_ms = m->now.wall_ms;
    watch_event(m, j, MESSAGE_EVENT_STARTED, (struct span){0});
    watch_changed(m, j);
}

void owner_event(struct mesh *m, struct job *j, struct span event)
{
    struct result_event e;
    struct err err;

    if (result_event_decode(event, &e, &err) != 0)
        return;
    if (e.kind == RESULT_EVENT_PROGRESS || e.kind == RESULT_EVENT_TEST) {
        if (e.done > j->own->done)
            j->own->done = e.done;
        watch_changed(m, j);
    }
    watch_event(m, j, MESSAGE_EVENT_RUN, event);
}

void owner_set_end(const struct mesh *m, struct value *v, enum record_end end, const char *reason)
{
    v->phase = RECORD_TERMINAL;
    v->running = false;
    memset(&v->term, 0, sizeof(v->term));
    v->term.end = end;
    v->term.finished_ms = m->now.wall_ms;
    (void)snprintf(v->term.reason, sizeof(v->term.reason), "%s", reason);
}

static void owner_finish(struct mesh *m, struct job *j)
{
    queue_remove(m->queue, &j->own->item);
    owner_keep_slot(m, j, false);
    j->own->stage = OWN_FINISHING;
    j->own->run_due_ns = STATE_NEVER;
    accept_propose(m, j);
}

static void owner_complete(struct mesh *m, struct job *j, const struct owner_outcome *o,
                           uint8_t verdict)
{
    struct term *t = &j->r.v.term;

    owner_set_end(m, &j->r.v, RECORD_COMPLETED, "");
    t->verdict = verdict;
    t->hash = record_blob_hash(o->bytes);
    t->len = o->bytes.len;
    t->started_ms = j->own->started_ms;
    (void)snprintf(t->node, sizeof(t->node), "%s", o->node);
    store_result_put(m, j, o->bytes, &t->hash);
    owner_finish(m, j);
}

static void owner_fail(struct mesh *m, struct job *j, const char *reason)
{
    owner_set_end(m, &j->r.v, RECORD_FAILED, reason);
    j->r.v.term.started_ms = j->own->started_ms;
    (void)snprintf(j->r.v.term.node, sizeof(j->r.v.term.node), "%s", j->own->node);
    owner_finish(m, j);
}

/* Back into the queue, after `delay_ms`. */
static void owner_requeue(struct mesh *m, struct job *j, uint64_t delay_ms)
{
    owner_keep_slot(m, j, false);
    j->r.v.running = false;
    j->r.v.delay_ms = (uint32_t)delay_ms;
    j->r.v.not_before_ms = delay_ms ? m->now.wall_ms + (int64_t)delay_ms : 0;
    accept_propose(m, j);
    owner_wait(m, j);
}

static uint64_t backoff_ms(struct mesh *m, const struct job *j)
{
    uint64_t base = j->r.origin->head.backoff_ms;
    uint32_t n = j->r.v.broken - 1;
    uint64_t ms = n > 20 ? LIMIT_DELAY_MS : base << n;

    if (base == 0)
        return 0;
    if (ms > LIMIT_DELAY_MS / 2)
        ms = LIMIT_DELAY_MS / 2;
    return ms + rng_below(&m->rng, ms / 4 + 1);
}

static void owner_broken(struct mesh *m, struct job *j, struct span text)
{
    char reason[RECORD_REASON + 1];

    (void)snprintf(reason, sizeof(reason), "%.*s",
                   (int)(text.len < RECORD_REASON ? text.len : RECORD_REASON),
                   text.data ? (const char *)text.data : "");
    if (j->r.v.broken + 1 >= j->r.origin->head.attempts_max) {
        owner_fail(m, j, reason);
        return;
    }
    j->r.v.broken++;
    m->stats.retried++;
    watch_event(m, j, MESSAGE_EVENT_RETRIED, span_of(reason));
    owner_requeue(m, j, backoff_ms(m, j));
}

/* A run this owner did not start has the result: what it did start is not needed. */
static void owner_donated(struct mesh *m, struct job *j, const struct owner_outcome *o)
{
    struct run *run = exec_find(m, &j->r.jid, j->own->run_epoch, j->r.v.attempt);

    m->stats.donated++;
    if (j->own->stage == OWN_RUNNING && j->own->remote)
        steal_kill(m, j);
    else if (run && (run->epoch != o->epoch || run->attempt != o->attempt))
        exec_kill(m, run);
}

static bool outcome_is_current(const struct job *j, const struct owner_outcome *o)
{
    return j->own->stage == OWN_RUNNING && o->epoch == j->own->run_epoch &&
           o->attempt == j->r.v.attempt;
}

bool owner_take_outcome(struct mesh *m, struct job *j, const struct owner_outcome *o)
{
    bool current = outcome_is_current(j, o);
    struct result result;
    struct err err;

    if (j->r.v.phase == RECORD_TERMINAL || j->r.cancel)
        return j->r.decided || o->outcome != MESH_OUTCOME_RESULT;
    /* A run of an earlier owner that ended after all is as good as the one under way. */
    if (!current && o->outcome != MESH_OUTCOME_RESULT)
        return true;
    if (j->own->stage == OWN_SETTLING)
        return false;
    if (o->outcome == MESH_OUTCOME_KILLED) {
        owner_requeue(m, j, 0);
        return true;
    }
    if (o->outcome == MESH_OUTCOME_BROKEN) {
        owner_broken(m, j, o->bytes);
        return true;
    }
    if (o->bytes.len == 0 || result_decode(o->bytes, &result, &err) != 0) {
        if (current)
            owner_broken(m, j, span_of("the result could not be read"));
        return true;
    }
    if (!current)
        owner_donated(m, j, o);
    owner_complete(m, j, o, (uint8_t)result.verdict);
    result_done(&result);
    /* The run keeps its result until it is decided: this owner may yet be gone before. */
    return false;
}

bool owner_count_failure(const struct mesh *m, struct value *v)
{
    v->running = false;
    v->failures++;
    return v->failures > m->cfg.takeovers_max;
}

void owner_lost(struct mesh *m, struct job *j)
{
    m->stats.stalled++;
    if (owner_count_failure(m, &j->r.v))
        owner_fail(m, j, "stalled: lost what ran it too often");
    else
        owner_requeue(m, j, 0);
}

void owner_returned(struct mesh *m, struct job *j)
{
    if (j->own->stage == OWN_RUNNING && j->own->remote)
        owner_requeue(m, j, 0);
}

void owner_cancel(struct mesh *m, struct job *j)
{
    if (j->r.v.phase == RECORD_TERMINAL || (j->own->stage == OWN_SETTLING && !j->own->acked))
        return;
    if (j->own->stage == OWN_RUNNING && j->own->remote)
        steal_kill(m, j);
    exec_stop(m, &j->r.jid);
    owner_set_end(m, &j->r.v, RECORD_CANCELLED, "cancelled");
    j->r.v.term.started_ms = j->r.v.attempt > 0 ? j->own->started_ms : 0;
    owner_finish(m, j);
}
