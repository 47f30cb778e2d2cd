/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works: the one to act on a job is the holder of the highest ballot known. A
 * replica that believes it gone waits its turn (its rank in rendezvous order, so that two
 * rarely try at once) and takes over. One that believes it well asks now and then, so that
 * nothing that was lost on the way stays lost; the one asked answers with its record, with
 * PURGE, or by remembering that it is the one to act.
 *
 * A decided job needs no owner. It is taken over only to put another replica in the place of
 * one that is gone, and only after TIMING_REPAIR.
 */
#include "mesh/repair.h"

#include "mesh/accept.h"
#include "mesh/frame.h"
#include "mesh/job.h"
#include "mesh/peer.h"
#include "mesh/placement.h"
#include "mesh/purge.h"
#include "mesh/reconfig.h"
#include "mesh/store.h"
#include "mesh/takeover.h"
#include "mesh/tally.h"
#include "mesh/timer.h"

enum { ASK_MS = 10000, ASK_DECIDED_MS = 20000, ASK_DAMAGED_MS = 1000, WAIT_VOTE_MS = 300 };

/* This node's place among the set's members that are up. */
static uint64_t take_rank(const struct mesh *m, const struct job *j)
{
    uint64_t own = placement_weight(&j->r.jid, &m->cfg.nid);
    uint64_t rank = 0;

    for (uint32_t i = 0; i < j->r.v.n_rset; i++) {
        const struct id *nid = &j->r.v.rset[i];

        if (!id_eq(nid, &m->cfg.nid) && peer_up(m, nid) && placement_weight(&j->r.jid, nid) > own)
            rank++;
    }
    return rank;
}

static uint64_t step_ms(const struct mesh *m)
{
    return m->cfg.takeover_step_ms;
}

/* When this node should take the job over, as things look now. */
static uint64_t take_time(struct mesh *m, const struct job *j)
{
    uint64_t wait_ms = (take_rank(m, j) * step_ms(m)) << (j->take_tries < 4 ? j->take_tries : 4);

    if (j->r.acc.epoch == 0 ||
        (!value_has(&j->r.v, &m->cfg.nid) && !id_eq(job_responsible(j), &m->cfg.nid)))
        return STATE_NEVER;
    if (j->r.decided)
        return STATE_NEVER;
    if (id_eq(job_responsible(j), &m->cfg.nid))
        wait_ms = 0;
    else if (peer_up(m, job_responsible(j)))
        return STATE_NEVER;
    if (j->take_tries > 0)
        wait_ms += step_ms(m) / 4 +
                   rng_below(&m->rng, step_ms(m) << (j->take_tries < 4 ? j->take_tries : 4));
    return m->now.mono_ns + rng_between(&m->rng, wait_ms * 800, wait_ms * 1200) * 1000;
}

void repair_watch(struct mesh *m, struct job *j)
{
    uint64_t ask_ms = j->r.decided ? ASK_DECIDED_MS : ASK_MS;

    if (!m->started || j->own || j->take || j->damaged)
        return;
    j->take_due_ns = take_time(m, j);
    j->ask_due_ns = m->now.mono_ns + timer_backoff(m, 0, ask_ms, ask_ms);
}

static void ask(struct mesh *m, const struct job *j, const struct id *to)
{
    wire_put_id(peer_open(m, to, FRAME_ASK, 0), &j->r.jid);
}

/* Somebody who should know: the one to act, or any other of the set. */
static void ask_again(struct mesh *m, struct job *j)
{
    uint64_t ask_ms = j->r.decided ? ASK_DECIDED_MS : ASK_MS;
    uint32_t n = j->r.v.n_rset;

    if (j->damaged)
        ask_ms = ASK_DAMAGED_MS;
    j->ask_due_ns = m->now.mono_ns + timer_backoff(m, 0, ask_ms, ask_ms);
    if (j->damaged) {
        for (uint32_t i = 0; i < members_len(m->members); i++)
            if (members_at(m->members, i)->state <= MEMBER_SUSPECT)
                ask(m, j, &members_at(m->members, i)->nid);
    } else if (!j->r.decided && peer_up(m, job_responsible(j))) {
        ask(m, j, job_responsible(j));
    } else if (n > 0 && !(j->r.decided && accept_everywhere(m, j))) {
        ask(m, j, &j->r.v.rset[rng_below(&m->rng, n)]);
    }
}

void repair_due(struct mesh *m, struct job *j)
{
    struct id jid = j->r.jid;

    bool look = j->ask_due_ns <= m->now.mono_ns;

    if (look)
        ask_again(m, j);
    if (j->damaged)
        return;
    if (j->take_due_ns <= m->now.mono_ns && !life_confirmed(m)) {
        j->take_due_ns = m->now.mono_ns + timer_backoff(m, 0, WAIT_VOTE_MS, WAIT_VOTE_MS);
    } else if (j->take_due_ns <= m->now.mono_ns) {
        j->take_due_ns = STATE_NEVER;
        takeover_begin(m, j, TAKEOVER_FAILED);
        return;
    }
    if (j->r.decided) {
        purge_due(m, j);
        j = job_find(m, &jid);
        if (look && j && !j->own && !j->take)
            reconfig_decided(m, j);
    }
}

uint64_t repair_next(const struct mesh *m, const struct job *j)
{
    uint64_t due = timer_min(j->ask_due_ns, j->take_due_ns);

    if (j->damaged)
        return j->ask_due_ns;
    if (j->r.decided)
        due = timer_min(due, purge_next(m, j));
    return due;
}

void repair_member_changed(struct mesh *m, const struct id *nid, enum member_state state)
{
    bool up = state <= MEMBER_SUSPECT;

    for (struct map_item *it = map_first(m->jobs); it; it = map_next(it)) {
        struct job *j = map_value(it);
        struct replica *p = accept_replica(j, nid);

        if (p && up) {
            p->due_ns = m->now.mono_ns;
            p->tries = 0;
        }
        if (j->own && j->own->stage == OWN_RUNNING && j->own->remote && !up &&
            id_eq(&j->own->peer, nid))
            j->own->run_due_ns = m->now.mono_ns;
        if (!j->own && !j->take && !j->r.decided && id_eq(job_responsible(j), nid))
            repair_watch(m, j);
        job_arm(m, j);
    }
}

void repair_behind(struct mesh *m, struct job *j, const struct id *from,
                   const struct record *theirs)
{
    struct id jid = j->r.jid;
    bool newer = record_acc_cmp(theirs, &j->r) > 0 || (theirs->decided && !j->r.decided);

    if (ballot_cmp(&theirs->promised, &j->r.promised) > 0) {
        j->r.promised = theirs->promised;
        store_dirty(m, j);
        if (j->own)
            job_deposed(m, j);
        if (j->take)
            takeover_lost(m, j);
        repair_watch(m, j);
    }
    if (newer)
        ask(m, j, from);
    job_progress(m, j);
    if (job_find(m, &jid) == j)
        job_arm(m, j);
}

/* ---- damage ---- */

void repair_damaged(struct mesh *m, const struct id *jid)
{
    struct job *j = job_find(m, jid);

    if (!j)
        j = job_new(m, jid);
    j->damaged = true;
    j->ask_due_ns = 0;
}

static uint32_t bits(uint32_t v)
{
    uint32_t n = 0;

    for (; v; v &= v - 1)
        n++;
    return n;
}

/* Copies of enough others that any majority this node was part of is among them. */
static bool heard_enough(const struct mesh *m, const struct job *j)
{
    uint32_t others = 0;

    for (uint32_t i = 0; i < j->r.v.n_rset; i++)
        others += id_eq(&j->r.v.rset[i], &m->cfg.nid) ? 0 : 1;

    uint32_t need = j->r.v.n_rset / 2 + 1;
    return others > 0 && j->r.v.n_prev == 0 && bits(j->heard) >= (need < others ? need : others);
}

void repair_heard(struct mesh *m, struct job *j, const struct id *from, const struct record *src)
{
    uint32_t gen = j->r.v.gen;

    if (accept_conflict(m, &j->r, src))
        return;
    /* Nothing was promised by what is left of this copy: the newest of all is taken. */
    record_join(&j->r, src);
    if (record_acc_cmp(src, &j->r) > 0) {
        j->r.acc = src->acc;
        j->r.ver = src->ver;
        j->r.v = src->v;
        record_take_origin(&j->r, src);
    }
    if (j->r.v.gen != gen)
        j->heard = 0;
    for (uint32_t i = 0; i < j->r.v.n_rset; i++)
        if (id_eq(&j->r.v.rset[i], from))
            j->heard |= 1u << i;
    tally_set(m, j);
    if (!heard_enough(m, j))
        return;
    j->damaged = false;
    memset(&j->spec_hash, 0, sizeof(j->spec_hash));
    store_dirty(m, j);
    m->stats.repairs++;
    if (j->r.decided)
        job_decided(m, j);
    else
        repair_watch(m, j);
    job_arm(m, j);
}

/* ---- a new life ---- */

void repair_start(struct mesh *m, struct job *j)
{
    if (j->damaged) {
        j->ask_due_ns = m->now.mono_ns;
    } else if (j->r.decided) {
        int64_t age_ms = m->now.wall_ms - j->r.final.finished_ms;
        uint64_t age_ns = age_ms > 0 ? (uint64_t)age_ms * STATE_MS : 0;

        j->decided_ns = age_ns < m->now.mono_ns ? m->now.mono_ns - age_ns : 0;
        purge_begin(m, j);
    } else {
        repair_watch(m, j);
    }
    job_arm(m, j);
}

/* ---- asked ---- */

void repair_on_ask(struct mesh *m, const struct id *from, struct wire_reader *r)
{
    struct id jid = wire_get_id(r);
    struct job *j = r->bad ? NULL : job_find(m, &jid);

    if (!r->bad && purge_is(m, &jid))
        purge_tell(m, &jid, from);
    else if (!r->bad && !j)
        /* Lost in a crash before it was stored, when others had it already: it comes back. */
        wire_put_id(peer_open(m, from, FRAME_ASK, 0), &jid);
    if (!j || j->damaged)
        return;
    accept_send(m, j, from, false);
    if (!j->own && !j->take && !j->r.decided && id_eq(job_responsible(j), &m->cfg.nid)) {
        repair_watch(m, j);
        job_arm(m, j);
    }
}

void repair_on_handover(struct mesh *m, const struct id *from, struct wire_reader *r)
{
    struct id jid = wire_get_id(r);
    struct job *j = r->bad ? NULL : job_find(m, &jid);

    (void)from;
    if (j && !m->draining && !j->r.decided && j->r.acc.epoch > 0 && value_has(&j->r.v, &m->cfg.nid))
        takeover_begin(m, j, TAKEOVER_CLEAN);
}
