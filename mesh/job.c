/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works: a job is in one of four roles here, told by which parts it has.
 *
 *     own          this node holds its ballot and proposes          owner.c, accept.c
 *     take         this node prepares a ballot                      takeover.c
 *     decided      it is over; kept, spread, then forgotten         purge.c
 *     none         a replica: waits, and watches over the owner     repair.c
 *
 * job_due() runs what is due for the role; job_arm() finds when the next thing is.
 */
#include "mesh/job.h"

#include "mesh/accept.h"
#include "mesh/damage.h"
#include "mesh/exec.h"
#include "mesh/lag.h"
#include "mesh/owed.h"
#include "mesh/owner.h"
#include "mesh/purge.h"
#include "mesh/queue.h"
#include "mesh/repair.h"
#include "mesh/store.h"
#include "mesh/takeover.h"
#include "mesh/tally.h"
#include "mesh/timer.h"
#include "mesh/watch.h"

/* Of a final view: above every version an owner can count to, below 2^53 for JavaScript. */
static const uint64_t version_final = 1ULL << 52;

struct job *job_find(const struct mesh *m, const struct id *jid)
{
    return map_get(m->jobs, jid->b, ID_SIZE);
}

static void job_due(struct mesh *m, struct timer *t)
{
    struct job *j = HEAP_OWNER(&t->node, struct job, timer.node);

    j->look = false;
    if (j->damaged)
        damage_due(m, j);
    else if (!j->own && !j->take)
        repair_due(m, j);
    else if (j->take)
        takeover_due(m, j);
    else
        owner_due(m, j);
    /* PURGE may have ended it. */
    if (!j->gone)
        job_arm(m, j);
}

struct job *job_new(struct mesh *m, const struct id *jid)
{
    struct job *j = own_calloc(1, sizeof(*j));

    record_init(&j->r, jid);
    j->timer.fire = job_due;
    j->ask_due_ns = STATE_NEVER;
    j->take_due_ns = STATE_NEVER;
    map_set(m->jobs, jid->b, ID_SIZE, j);
    return j;
}

void job_free(struct mesh *m, struct job *j)
{
    timer_stop(m, &j->timer);
    heap_remove(&m->kept, &j->kept);
    owed_remove(m, j);
    tally_remove(m, j);
    owner_end(m, j);
    takeover_end(j);
    watch_job_gone(m, j);
    store_forget_copies(m, j);
    damage_done(j);
    record_done(&j->r);
    free(j->wish);
    free(j->wish_spec);
    lag_remove(m, j);
    free(j->replicas);
    free(j);
}

void job_remove(struct mesh *m, struct job *j)
{
    for (struct job **at = &m->dirty; *at; at = &(*at)->dirty_next)
        if (*at == j) {
            *at = j->dirty_next;
            break;
        }
    tally_remove(m, j);
    lag_remove(m, j);
    owed_remove(m, j);
    store_job_gone(m, j);
    map_del(m->jobs, j->r.jid.b, ID_SIZE);
    timer_stop(m, &j->timer);
    owner_end(m, j);
    takeover_end(j);
    heap_remove(&m->kept, &j->kept);
    watch_job_gone(m, j);
    /* Whoever is at work on it in this step may still look at it. */
    j->gone = j->dirty = true;
    j->dirty_next = m->removed;
    m->removed = j;
}

void job_bury(struct mesh *m)
{
    while (m->removed) {
        struct job *j = m->removed;

        m->removed = j->dirty_next;
        job_free(m, j);
    }
}

void job_progress(struct mesh *m, struct job *j)
{
    if (j->take)
        takeover_progress(m, j);
    else if (j->own)
        owner_progress(m, j);
    else if (j->r.decided)
        purge_progress(m, j);
    if (!j->gone)
        job_arm(m, j);
}

void job_arm(struct mesh *m, struct job *j)
{
    uint64_t due;

    tally_set(m, j);
    lag_set(m, j);
    owed_set(m, j);
    purge_order(m, j);
    if (!m->started)
        return;
    if (j->damaged)
        due = j->ask_due_ns;
    else if (!j->own && !j->take)
        due = repair_next(m, j);
    else if (j->take)
        due = j->take->due_ns;
    else
        due = owner_next(m, j);
    timer_set(m, &j->timer, j->look ? m->now.mono_ns : due);
}

void job_decided(struct mesh *m, struct job *j)
{
    j->decided_ns = m->now.mono_ns;
    if (!j->own || j->r.v.n_prev == 0)
        owner_end(m, j);
    takeover_end(j);
    exec_stop(m, &j->r.jid);
    store_forget_copies(m, j);
    purge_begin(m, j);
    watch_decided(m, j);
    job_arm(m, j);
}

void job_deposed(struct mesh *m, struct job *j)
{
    owner_end(m, j);
    if (j->r.decided)
        purge_begin(m, j);
    else
        repair_watch(m, j);
    watch_moved(m, j);
    job_arm(m, j);
}

const struct id *job_responsible(const struct job *j)
{
    return &j->r.promised.nid;
}

enum message_state job_end_state(const struct record *r)
{
    static const enum message_state ends[] = {
        [RECORD_NOT_ENDED] = MESSAGE_STATE_QUEUED,
        [RECORD_COMPLETED] = MESSAGE_STATE_COMPLETED,
        [RECORD_FAILED] = MESSAGE_STATE_FAILED,
        [RECORD_CANCELLED] = MESSAGE_STATE_CANCELLED,
    };

    return ends[r->final.end];
}

enum message_state job_state(const struct mesh *m, const struct job *j)
{
    if (j->r.decided)
        return job_end_state(&j->r);
    if (j->own ? j->own->stage >= OWN_STARTING : j->r.v.running)
        return MESSAGE_STATE_ACTIVE;
    if (j->r.v.phase == RECORD_TERMINAL)
        return MESSAGE_STATE_ACTIVE;
    if (j->own && queue_is_delayed(&j->own->item))
        return MESSAGE_STATE_DELAYED;
    return !j->own && j->r.v.delay_ms > 0 && j->r.v.not_before_ms > m->now.wall_ms
               ? MESSAGE_STATE_DELAYED
               : MESSAGE_STATE_QUEUED;
}

uint64_t job_version(const struct job *j)
{
    return j->r.decided ? version_final : j->r.acc.epoch << 32 | j->change;
}

static void view_end(const struct job *j, struct message_job *v)
{
    const struct term *t = &j->r.final;

    v->started_ms = t->started_ms;
    v->finished_ms = t->finished_ms;
    v->done = t->end == RECORD_COMPLETED ? v->total : 0;
    memcpy(v->node, t->node, sizeof(t->node));
    memcpy(v->reason, t->reason, sizeof(t->reason));
}

static void view_origin(const struct origin *o, struct message_job *v)
{
    memcpy(v->tenant, o->head.tenant, sizeof(v->tenant));
    memcpy(v->language, o->head.language, sizeof(v->language));
    v->priority = o->head.priority;
    v->n_tags = o->n_tags;
    for (uint32_t i = 0; i < o->n_tags; i++)
        (void)snprintf(v->tags[i], sizeof(v->tags[i]), "%s", origin_tag(o, i));
    v->total = o->tests;
    v->queued_ms = o->queued_ms;
    (void)snprintf(v->callback, sizeof(v->callback), "%s", origin_callback(o));
}

void job_view(const struct mesh *m, const struct job *j, struct message_job *ret_view)
{
    struct message_job *v = ret_view;

    memset(v, 0, sizeof(*v));
    v->jid = j->r.jid;
    v->state = job_state(m, j);
    v->version = job_version(j);
    v->attempt = j->r.v.attempt > 0 ? 1 + j->r.v.broken + j->r.v.failures : 0;
    v->stale = !j->r.decided && !j->own;
    if (j->r.origin)
        view_origin(j->r.origin, v);
    if (v->state == MESSAGE_STATE_DELAYED)
        v->not_before_ms = j->r.v.not_before_ms;
    if (j->r.decided) {
        view_end(j, v);
    } else if (j->own && v->state == MESSAGE_STATE_ACTIVE) {
        v->started_ms = j->own->started_ms;
        v->done = j->own->done;
        memcpy(v->node, j->own->node, sizeof(v->node));
    }
}
