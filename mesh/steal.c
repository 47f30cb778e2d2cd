/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works
 *
 *     owner                               executor
 *       | work, no slot: HINT ------------->|  remembers it while no slot is free: mesh/hint.c
 *       |<------------------ STEAL n -------|  keeps n slots for the answer
 *       | GRANT job, run, spec ------------>|  starts it
 *       | DENY: so many were granted ------>|  lets the other slots go
 *       |<------------------ RUNNING -------|  at once and every second: the lease
 *       |<------------------ RESULT --------|  repeated until
 *       | RESULT_ACK once decided --------->|
 *
 * One peer is asked at a time: who has told of work first, then, each time a slot becomes free,
 * up to STEAL_TRIES that are believed to have some; and as a backstop one now and then.
 *
 * A grant that is not confirmed is sent again: the executor knows it by (job, epoch, attempt).
 */
#include "mesh/steal.h"

#include "mesh/ability.h"
#include "mesh/exec.h"
#include "mesh/frame.h"
#include "mesh/hint.h"
#include "mesh/job.h"
#include "mesh/owner.h"
#include "mesh/peer.h"
#include "mesh/purge.h"
#include "mesh/sched.h"
#include "mesh/store.h"
#include "mesh/timer.h"

enum { ASK_WAIT_MS = 500, STEAL_TRIES = 2, RUNNING_MAX = 1024 };

void run_name_put(struct buf *b, const struct run_name *n)
{
    wire_put_id(b, &n->jid);
    wire_put_uint(b, n->epoch);
    wire_put_uint(b, n->attempt);
}

struct run_name run_name_get(struct wire_reader *r)
{
    struct run_name n = {.jid = wire_get_id(r)};

    n.epoch = wire_get_uint(r, UINT64_MAX);
    n.attempt = (uint32_t)wire_get_uint(r, UINT32_MAX);
    return n;
}

uint32_t steal_reserved(const struct mesh *m)
{
    return m->steal.reserved;
}

/* ---- asking ---- */

static void ask(struct mesh *m, const struct id *victim)
{
    uint32_t want = load_waiting(m->load, victim);
    struct buf *b;

    if (want > exec_free(m))
        want = exec_free(m);
    if (want > TIMING_GRANT_MAX)
        want = TIMING_GRANT_MAX;
    b = peer_open(m, victim, FRAME_STEAL, 0);
    wire_put_uint(b, want);
    wire_put_uint(b, ++m->steal.serial);
    load_put_self(m->load, b);
    m->steal.asked = *victim;
    m->steal.answered = false;
    m->steal.reserved = m->steal.wanted = want;
    m->steal.asked_due_ns = m->now.mono_ns + ASK_WAIT_MS * STATE_MS;
    m->stats.steals_asked++;
}

static void ask_done(struct mesh *m)
{
    m->steal.asked_due_ns = 0;
    m->steal.reserved = 0;
}

static bool is_idle(struct mesh *m)
{
    return exec_free(m) > 0 && !sched_waits_for_slot(m) && members_up(m->members) > 1;
}

/* Who has told us of work comes first; then, when a slot has just become free, whoever is
 * believed to have some. */
static void ask_next(struct mesh *m)
{
    struct steal *s = &m->steal;
    struct id victim;

    if (s->asked_due_ns || !is_idle(m))
        return;
    if (load_hint(m->load, &victim)) {
        ask(m, &victim);
    } else if (s->tries > 0 && load_victim(m->load, &m->rng, &s->asked, &victim)) {
        s->tries--;
        ask(m, &victim);
    }
}

void steal_update_load(struct mesh *m)
{
    uint32_t free = exec_free(m);
    struct load_entry e = {.free = (uint8_t)(free < UINT8_MAX ? free : UINT8_MAX),
                           .top = queue_top(m->queue),
                           .run_ms = m->steal.run_ms};

    if (m->draining)
        e.flags |= LOAD_DRAINING;
    if (m->disk == MESH_DISK_FULL)
        e.flags |= LOAD_DISK_FULL;
    if (m->slots == 0)
        e.flags |= LOAD_DEGRADED;
    for (int i = 0; i < LIMIT_PRIORITIES; i++) {
        uint32_t len = queue_len_of(m->queue, (uint8_t)i);

        e.queued[i] = (uint16_t)(len < UINT16_MAX ? len : UINT16_MAX);
    }
    load_set_self(m->load, &e);
}

static uint64_t steal_next(const struct mesh *m)
{
    const struct steal *s = &m->steal;
    uint64_t due = timer_min(s->poll.next_ns, s->running_due_ns);

    if (s->asked_due_ns)
        due = timer_min(due, s->asked_due_ns);
    return timer_min(due, hint_next(m));
}

void steal_kick(struct mesh *m)
{
    struct steal *s = &m->steal;

    steal_update_load(m);
    hint_kick(m);
    if (m->busy < s->busy)
        s->tries = STEAL_TRIES;
    s->busy = m->busy;
    if (is_idle(m))
        load_poll_start(&s->poll, &m->rng, m->now.mono_ns);
    else
        load_poll_stop(&s->poll);
    ask_next(m);
    timer_set(m, &s->timer, steal_next(m));
}

/* ---- the executor ---- */

static struct run_name name_of(const struct run *run)
{
    return (struct run_name){run->jid, run->epoch, run->attempt};
}

static struct buf *run_open(struct mesh *m, const struct id *to, enum frame_type t,
                            const struct run *run)
{
    struct buf *b = peer_open(m, to, t, run->len);
    struct run_name n = name_of(run);

    run_name_put(b, &n);
    return b;
}

void steal_tell_running(struct mesh *m, const struct id *owner)
{
    struct buf *b = peer_open(m, owner, FRAME_RUNNING, 0);
    uint32_t n = 0;

    for (const struct run *run = m->runs; run; run = run->next)
        n += id_eq(&run->owner, owner) && run->stage != RUN_KILLING && n < RUNNING_MAX ? 1 : 0;
    wire_put_array(b, n);
    for (const struct run *run = m->runs; run && n > 0; run = run->next) {
        if (!id_eq(&run->owner, owner) || run->stage == RUN_KILLING)
            continue;
        n--;
        wire_put_array(b, 3);
        struct run_name name = name_of(run);
        run_name_put(b, &name);
    }
}

/* An owner that is gone has a successor in the job's set; any of it can tell who. */
static void owner_look(struct mesh *m, struct run *run)
{
    struct job *j = job_find(m, &run->jid);

    if (j) {
        run->owner = *job_responsible(j);
        return;
    }
    for (uint32_t i = 0; i < run->n_rset && !peer_up(m, &run->owner); i++)
        run->owner = run->rset[rng_below(&m->rng, run->n_rset)];
}

static void tell_all_running(struct mesh *m)
{
    for (struct run *run = m->runs; run; run = run->next) {
        bool told = false;

        if (!peer_up(m, &run->owner))
            owner_look(m, run);
        for (const struct run *before = m->runs; before != run; before = before->next)
            told = told || id_eq(&before->owner, &run->owner);
        if (!told && !id_eq(&run->owner, &m->cfg.nid))
            steal_tell_running(m, &run->owner);
    }
    m->steal.running_due_ns = m->now.mono_ns + TIMING_RUNNING * STATE_MS;
}

void steal_tell_progress(struct mesh *m, const struct run *run, struct span event)
{
    struct buf *b = run_open(m, &run->owner, FRAME_PROGRESS, run);

    wire_put_bin(b, event.data, event.len);
}

/* Who gave the run, or was named by one that was asked, may know better than a copy here: that
 * may have left the set, and not have heard of it. */
static void owner_find(struct mesh *m, struct run *run, const struct job *j)
{
    bool named = run->named && peer_up(m, &run->owner);

    run->named = false;
    if (named)
        return;
    if (j && j->r.acc.epoch >= run->epoch && peer_up(m, job_responsible(j)))
        run->owner = *job_responsible(j);
    else if (run->offers % 4 == 3 || !peer_up(m, &run->owner))
        owner_look(m, run);
}

void steal_offer(struct mesh *m, struct run *run, const struct job *j)
{
    struct buf *b;

    owner_find(m, run, j);
    b = run_open(m, &run->owner, FRAME_RESULT, run);
    wire_put_uint(b, run->outcome);
    wire_put_bin(b, run->bytes, run->len);
}

static void steal_due(struct mesh *m, struct timer *t)
{
    struct steal *s = &m->steal;

    (void)t;
    if (s->asked_due_ns && s->asked_due_ns <= m->now.mono_ns) {
        load_hint_used(m->load, &s->asked);
        m->meters.steals[METER_STEAL_thief_lost] += s->answered ? 0 : 1;
        ask_done(m);
    }
    if (s->running_due_ns <= m->now.mono_ns) {
        tell_all_running(m);
        ability_tick(m);
    }
    if (s->poll.next_ns <= m->now.mono_ns) {
        s->asked = m->cfg.nid;
        s->tries = STEAL_TRIES;
        load_poll_again(&s->poll, load_has_surplus(m->load), &m->rng, m->now.mono_ns);
    }
    timer_set(m, &s->timer, steal_next(m));
}

void steal_start(struct mesh *m)
{
    m->steal.timer.fire = steal_due;
    m->steal.running_due_ns = m->now.mono_ns + TIMING_RUNNING * STATE_MS;
    load_poll_stop(&m->steal.poll);
    timer_set(m, &m->steal.timer, m->steal.running_due_ns);
}

static void grant_take(struct mesh *m, struct exec_grant *g, uint32_t serial)
{
    struct job *j = job_find(m, &g->jid);
    bool asked = serial == m->steal.serial && m->steal.reserved > 0;

    if (exec_find(m, &g->jid, g->epoch, g->attempt)) {
        steal_tell_running(m, &g->owner);
        return;
    }
    if (asked && --m->steal.reserved == 0 && m->steal.answered)
        ask_done(m);
    /* What this node cannot read may have been the end. */
    if (purge_is(m, &g->jid) || (j && (j->r.decided || j->damaged)) || exec_free(m) == 0) {
        struct run_name back = {g->jid, g->epoch, g->attempt};

        run_name_put(peer_open(m, &g->owner, FRAME_RETURN, 0), &back);
        return;
    }
    m->meters.steal_jobs++;
    exec_granted(m, g);
    steal_tell_running(m, &g->owner);
}

void steal_on_grant(struct mesh *m, const struct id *from, struct wire_reader *r)
{
    struct run_name n = run_name_get(r);
    uint32_t serial = (uint32_t)wire_get_uint(r, UINT32_MAX);
    struct exec_grant g = {n.jid, *from, n.epoch, n.attempt, 0, {{{0}}}, {0}};

    g.n_rset = (uint8_t)wire_get_array(r, LIMIT_REPLICAS);
    for (uint32_t i = 0; i < g.n_rset && !r->bad; i++)
        g.rset[i] = wire_get_id(r);
    g.spec = wire_get_bin(r, LIMIT_SPEC);
    if (!r->bad)
        grant_take(m, &g, serial);
}

void steal_on_deny(struct mesh *m, const struct id *from, struct wire_reader *r)
{
    uint32_t serial = (uint32_t)wire_get_uint(r, UINT32_MAX);
    uint32_t granted = (uint32_t)wire_get_uint(r, TIMING_GRANT_MAX);

    load_get_all(m->load, r);
    if (r->bad || serial != m->steal.serial || !m->steal.asked_due_ns)
        return;
    if (granted == 0)
        load_hint_used(m->load, from);
    m->meters.steals[granted ? METER_STEAL_thief_granted : METER_STEAL_thief_denied]++;
    /* Some grants may still be on the way: their specs are being read, or on the other lane. */
    uint32_t came = m->steal.wanted - m->steal.reserved;
    m->steal.answered = true;
    if (granted > came)
        m->steal.reserved = granted - came;
    else
        ask_done(m);
}

void steal_on_kill(struct mesh *m, const struct id *from, struct wire_reader *r)
{
    struct run_name n = run_name_get(r);
    struct run *run = r->bad ? NULL : exec_find(m, &n.jid, n.epoch, n.attempt);

    (void)from;
    if (run)
        exec_kill(m, run);
}

void steal_on_result_ack(struct mesh *m, const struct id *from, struct wire_reader *r)
{
    struct run_name n = run_name_get(r);
    struct id owner = wire_get_id(r);
    struct run *run = r->bad ? NULL : exec_find(m, &n.jid, n.epoch, n.attempt);

    (void)from;
    if (!run)
        return;
    if (id_is_zero(&owner)) {
        exec_settled(m, run);
        return;
    }
    run->owner = owner;
    run->named = true;
    if (run->stage == RUN_DONE && run->offers < 8)
        run->due_ns = timer_min(run->due_ns, m->now.mono_ns + 50 * STATE_MS);
}
