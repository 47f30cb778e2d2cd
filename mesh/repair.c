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
#include "mesh/damage.h"
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

enum { ASK_MS = 10000, ASK_DECIDED_MS = 20000, WAIT_VOTE_MS = 300 };

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

/* When this node should take the job over, as things look now; `idle`: the one to act cannot. */
static uint64_t take_time(struct mesh *m, const struct job *j, bool idle)
{
    uint64_t wait_ms = (take_rank(m, j) * step_ms(m)) << (j->take_tries < 4 ? j->take_tries : 4);

    if (j->r.acc.epoch == 0 ||
        (!value_has(&j->r.v, &m->cfg.nid) && !id_eq(job_responsible(j), &m->cfg.nid)))
        return STATE_NEVER;
    if (j->r.decided)
        return STATE_NEVER;
    if (id_eq(job_responsible(j), &m->cfg.nid))
        wait_ms = 0;
    else if (!idle && peer_up(m, job_responsible(j)))
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
    j->take_due_ns = take_time(m, j, false);
    j->ask_due_ns = m->now.mono_ns + timer_backoff(m, 0, ask_ms, ask_ms);
}

static void ask(struct mesh *m, const struct job *j, const struct id *to)
{
    wire_put_id(peer_open(m, to, FRAME_ASK, 0), &j->r.jid);
}

/* Any other of the set that is up, or NULL. */
static const struct id *any_up(struct mesh *m, const struct job *j)
{
    const struct value *v = &j->r.v;
    uint32_t first = v->n_rset ? (uint32_t)rng_below(&m->rng, v->n_rset) : 0;

    for (uint32_t i = 0; i < v->n_rset; i++) {
        const struct id *nid = &v->rset[(first + i) % v->n_rset];

        if (!id_eq(nid, &m->cfg.nid) && peer_up(m, nid))
            return nid;
    }
    return NULL;
}

/* Somebody who should know: the one to act, or any other of the set. */
static void ask_again(struct mesh *m, struct job *j)
{
    uint64_t ask_ms = j->r.decided ? ASK_DECIDED_MS : ASK_MS;
    const struct id *other = any_up(m, j);

    j->ask_due_ns = m->now.mono_ns + timer_backoff(m, 0, ask_ms, ask_ms);
    if (!j->r.decided && peer_up(m, job_responsible(j))) {
        ask(m, j, job_responsible(j));
    } else if (other && !(j->r.decided && accept_everywhere(m, j))) {
        ask(m, j, other);
    }
}

void repair_due(struct mesh *m, struct job *j)
{
    struct id jid = j->r.jid;

    bool look = j->ask_due_ns <= m->now.mono_ns;

    if (look)
        ask_again(m, j);
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

    if (j->r.decided)
        due = timer_min(due, purge_next(m, j));
    return due;
}

/* With one that will not come back fewer are enough: what waits for it is looked at again. */
static void look_again(struct mesh *m, struct job *j, const struct id *nid)
{
    if (j->damaged || !accept_replica(j, nid))
        return;
    if (j->take)
        j->take->due_ns = m->now.mono_ns;
    j->look = true;
}

void repair_member_changed(struct mesh *m, const struct id *nid, enum member_state state)
{
    bool up = state <= MEMBER_SUSPECT;

    for (struct map_item *it = map_first(m->jobs); it; it = map_next(it)) {
        struct job *j = map_value(it);

        if (up)
            accept_again(m, j, nid);
        if (j->own && j->own->stage == OWN_RUNNING && j->own->remote && !up &&
            id_eq(&j->own->peer, nid))
            j->own->run_due_ns = m->now.mono_ns;
        if (!j->own && !j->take && !j->r.decided && id_eq(job_responsible(j), nid))
            repair_watch(m, j);
        if (state >= MEMBER_REPLACED)
            look_again(m, j, nid);
        job_arm(m, j);
    }
}

void repair_behind(struct mesh *m, struct job *j, const struct id *from,
                   const struct record *theirs)
{
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
}

/* ---- a new life ---- */

void repair_start(struct mesh *m, struct job *j)
{
    if (j->worn)
        store_dirty(m, j);
    if (j->damaged) {
        j->ask_due_ns = m->now.mono_ns;
    } else if (j->r.decided) {
        int64_t age_ms = m->now.wall_ms - j->r.final.finished_ms;
        uint64_t age_ns = age_ms > 0 ? (uint64_t)age_ms * STATE_MS : 0;

        j->decided_ns = age_ns < m->now.mono_ns ? m->now.mono_ns - age_ns : 0;
        purge_begin(m, j);
        accept_resume(m, j);
    } else {
        repair_watch(m, j);
    }
    job_arm(m, j);
}

/* ---- asked ---- */

void repair_none(struct mesh *m, const struct id *jid, const struct id *to)
{
    struct buf *b = peer_open(m, to, FRAME_NONE, 0);
    const struct job *j = job_find(m, jid);

    wire_put_id(b, jid);
    wire_put_bool(b, j && j->damaged);
}

static void show(struct mesh *m, struct job *j, const struct id *to)
{
    accept_send(m, j, to, false);
    if (!j->own && !j->take && !j->r.decided && id_eq(job_responsible(j), &m->cfg.nid)) {
        repair_watch(m, j);
        job_arm(m, j);
    }
}

void repair_on_ask(struct mesh *m, const struct id *from, struct wire_reader *r)
{
    struct id jid = wire_get_id(r);
    struct job *j = r->bad ? NULL : job_find(m, &jid);

    if (r->bad)
        return;
    if (purge_is(m, &jid))
        purge_tell(m, &jid, from);
    else if (!j || j->damaged)
        repair_none(m, &jid, from);
    else
        show(m, j, from);
}

/* The one to act has a damaged record: it has no vote and will not act, though it is up. */
static void act_instead(struct mesh *m, struct job *j)
{
    if (j->own || j->take || j->take_due_ns != STATE_NEVER)
        return;
    j->take_due_ns = take_time(m, j, true);
    job_arm(m, j);
}

void repair_on_none(struct mesh *m, const struct id *from, struct wire_reader *r)
{
    struct id jid = wire_get_id(r);
    bool damaged = wire_get_bool(r);
    struct job *j = r->bad ? NULL : job_find(m, &jid);

    if (!j)
        return;
    if (j->damaged) {
        damage_heard_none(m, j, from, damaged);
        return;
    }
    if (j->take && j->take->create && !damaged) {
        takeover_heard_none(m, j, from);
        return;
    }
    show(m, j, from); /* lost there in a crash before it was stored: it comes back */
    if (damaged && id_eq(job_responsible(j), from))
        act_instead(m, j);
}

void repair_on_handover(struct mesh *m, const struct id *from, struct wire_reader *r)
{
    struct id jid = wire_get_id(r);
    struct job *j = r->bad ? NULL : job_find(m, &jid);

    (void)from;
    if (j && !m->draining && !j->r.decided && j->r.acc.epoch > 0 && value_has(&j->r.v, &m->cfg.nid))
        takeover_begin(m, j, TAKEOVER_CLEAN);
}
