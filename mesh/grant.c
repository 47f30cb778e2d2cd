/* SPDX-License-Identifier: MPL-2.0 */
/* The owner's side of mesh/steal.h. */
#include "mesh/exec.h"
#include "mesh/frame.h"
#include "mesh/job.h"
#include "mesh/owner.h"
#include "mesh/peer.h"
#include "mesh/purge.h"
#include "mesh/sched.h"
#include "mesh/steal.h"
#include "mesh/store.h"
#include "mesh/timer.h"

enum { CONFIRM_MS = 1000 };

static const struct id nobody;

static struct run_name name_of(const struct job *j)
{
    return (struct run_name){j->r.jid, j->own->run_epoch, j->r.v.attempt};
}

static void name_send(struct mesh *m, const struct id *to, enum frame_type t,
                      const struct run_name *n)
{
    run_name_put(peer_open(m, to, t, 0), n);
}

/* The outcome is for `owner`; for nobody: it is not wanted any more. */
static void redirect(struct mesh *m, const struct id *to, const struct run_name *n,
                     const struct id *owner)
{
    struct buf *b = peer_open(m, to, FRAME_RESULT_ACK, 0);

    run_name_put(b, n);
    wire_put_id(b, owner);
}

void steal_grant(struct mesh *m, struct job *j)
{
    struct read what = {.kind = READ_GRANT, .peer = j->own->peer};

    if (!j->own->lease_end_ns)
        j->own->lease_end_ns = m->now.mono_ns + (uint64_t)m->cfg.lease_ms * STATE_MS;
    j->own->run_due_ns = timer_min(j->own->lease_end_ns, m->now.mono_ns + CONFIRM_MS * STATE_MS);
    store_read(m, j, &what);
}

void steal_spec(struct mesh *m, struct job *j, const struct id *peer, int status, struct span spec)
{
    if (!j->own || j->own->stage != OWN_RUNNING || !j->own->remote || !id_eq(peer, &j->own->peer) ||
        status != 0)
        return;

    struct buf *b = peer_open(m, peer, FRAME_GRANT, spec.len);
    struct run_name n = name_of(j);
    run_name_put(b, &n);
    wire_put_uint(b, j->own->serial);
    wire_put_array(b, j->r.v.n_rset);
    for (uint32_t i = 0; i < j->r.v.n_rset; i++)
        wire_put_id(b, &j->r.v.rset[i]);
    wire_put_bin(b, spec.data, spec.len);
}

void steal_kill(struct mesh *m, const struct job *j)
{
    struct run_name n = name_of(j);

    name_send(m, &j->own->peer, FRAME_KILL, &n);
}

void steal_ack(struct mesh *m, const struct job *j)
{
    struct run_name n = name_of(j);

    redirect(m, &j->own->peer, &n, &nobody);
}

/* A peer that leaves has asked others to take over what waits here, past its deadline even what
 * runs: what it gave away meanwhile would be started twice. */
static bool may_give(const struct mesh *m)
{
    return !m->draining || (m->drain_heirless > 0 && !m->drain_killed);
}

void steal_on_steal(struct mesh *m, const struct id *from, struct wire_reader *r)
{
    uint32_t want = (uint32_t)wire_get_uint(r, TIMING_GRANT_MAX);
    uint32_t serial = (uint32_t)wire_get_uint(r, UINT32_MAX);
    uint32_t granted = 0;

    load_get_all(m->load, r);
    if (r->bad)
        return;

    while (granted < want && may_give(m)) {
        struct job *j = sched_take_for(m, from);

        if (!j)
            break;
        j->own->serial = serial;
        j->own->lease_end_ns = 0;
        j->own->confirmed = false;
        owner_start(m, j, from);
        job_arm(m, j);
        granted++;
    }
    m->stats.steals_granted += granted;
    m->meters.steals[granted ? METER_STEAL_victim_granted : METER_STEAL_victim_denied]++;
    load_spend(m->load, from, granted);
    steal_update_load(m);

    struct buf *b = peer_open(m, from, FRAME_DENY, 0);
    wire_put_uint(b, serial);
    wire_put_uint(b, granted);
    load_put_self(m->load, b);
}

/* The run is the one this owner gave to `from`. */
static bool is_ours(const struct job *j, const struct id *from, const struct run_name *n)
{
    return j && j->own && j->own->stage == OWN_RUNNING && j->own->remote &&
           id_eq(&j->own->peer, from) && n->epoch == j->own->run_epoch &&
           n->attempt == j->r.v.attempt;
}

void steal_on_return(struct mesh *m, const struct id *from, struct wire_reader *r)
{
    struct run_name n = run_name_get(r);
    struct job *j = r->bad ? NULL : job_find(m, &n.jid);

    if (is_ours(j, from, &n))
        owner_returned(m, j);
    if (j)
        job_arm(m, j);
}

static void confirm(struct mesh *m, struct job *j, const struct id *from)
{
    j->own->lease_end_ns = m->now.mono_ns + (uint64_t)m->cfg.lease_ms * STATE_MS;
    j->own->run_due_ns = j->own->lease_end_ns;
    if (!j->own->confirmed) {
        j->own->confirmed = true;
        owner_started(m, j, peer_name(m, from));
    }
    job_arm(m, j);
}

static void running(struct mesh *m, const struct id *from, const struct run_name *n)
{
    struct job *j = job_find(m, &n->jid);

    if (is_ours(j, from, n))
        confirm(m, j, from);
    else if (purge_is(m, &n->jid) || (j && j->r.decided))
        name_send(m, from, FRAME_KILL, n);
    else if (j && j->own && n->epoch == j->own->run_epoch && n->attempt != j->r.v.attempt)
        name_send(m, from, FRAME_KILL, n);
    else if (j && !j->own && !id_eq(job_responsible(j), &m->cfg.nid))
        redirect(m, from, n, job_responsible(j));
}

void steal_on_running(struct mesh *m, const struct id *from, struct wire_reader *r)
{
    uint32_t n = wire_get_array(r, UINT16_MAX);

    for (uint32_t i = 0; i < n && !r->bad; i++) {
        if (wire_get_array(r, 3) != 3)
            r->bad = true;

        struct run_name name = run_name_get(r);
        if (!r->bad)
            running(m, from, &name);
    }
}

void steal_on_progress(struct mesh *m, const struct id *from, struct wire_reader *r)
{
    struct run_name n = run_name_get(r);
    struct span event = wire_get_bin(r, LIMIT_FRAME_CONTROL);
    struct job *j = r->bad ? NULL : job_find(m, &n.jid);

    if (!is_ours(j, from, &n))
        return;
    confirm(m, j, from);
    owner_event(m, j, event);
}

void steal_on_result(struct mesh *m, const struct id *from, struct wire_reader *r)
{
    struct run_name n = run_name_get(r);
    enum mesh_outcome outcome = (enum mesh_outcome)wire_get_uint(r, MESH_OUTCOME_KILLED);
    struct span bytes = wire_get_bin(r, LIMIT_RESULT);
    struct owner_outcome o = {n.epoch, n.attempt, outcome, bytes, peer_name(m, from)};
    struct job *j = r->bad ? NULL : job_find(m, &n.jid);

    if (r->bad)
        return;
    if (purge_is(m, &n.jid) || (j && j->r.decided))
        redirect(m, from, &n, &nobody);
    else if (j && j->own && owner_take_outcome(m, j, &o))
        redirect(m, from, &n, &nobody);
    else if (j && !j->own && !id_eq(job_responsible(j), &m->cfg.nid))
        redirect(m, from, &n, job_responsible(j));
    if (j && job_find(m, &n.jid) == j)
        job_arm(m, j);
}
