/* SPDX-License-Identifier: MPL-2.0 */
#include "mesh/drain.h"

#include "mesh/exec.h"
#include "mesh/frame.h"
#include "mesh/job.h"
#include "mesh/peer.h"
#include "mesh/placement.h"
#include "mesh/timer.h"
#include "mesh/watch.h"

enum { LOOK_MS = 200, DEADLINE_DEFAULT_MS = 30000, HANDOVER_MORE_MS = 10000, ALONE_MS = 60000 };

/* Another replica that is up and stays. */
static const struct id *heir(const struct mesh *m, const struct job *j)
{
    const struct id *best = NULL;

    for (uint32_t i = 0; i < j->r.v.n_rset; i++) {
        const struct id *nid = &j->r.v.rset[i];

        if (!id_eq(nid, &m->cfg.nid) && peer_stays(m, nid) &&
            (!best || placement_weight(&j->r.jid, nid) > placement_weight(&j->r.jid, best)))
            best = nid;
    }
    return best;
}

/* Gives away what has not started; returns how many jobs still depend on this node. */
static uint32_t hand_over(struct mesh *m)
{
    uint32_t left = 0;

    m->drain_heirless = 0;
    for (struct map_item *it = map_first(m->jobs); it; it = map_next(it)) {
        const struct job *j = map_value(it);
        const struct id *to;

        left += j->take || j->own ? !j->r.decided : 0;
        if (!j->own || j->r.decided)
            continue;
        to = heir(m, j);
        m->drain_heirless += !to && j->own->stage == OWN_WAITING ? 1 : 0;
        if (!to)
            continue;
        if (j->own->stage == OWN_WAITING || m->drain_killed)
            wire_put_id(peer_open(m, to, FRAME_HANDOVER, 0), &j->r.jid);
    }
    return left;
}

/* Nobody is there to take anything, or has been for too long. */
static bool alone(const struct mesh *m)
{
    for (uint32_t i = 0; i < members_len(m->members); i++) {
        const struct member *c = members_at(m->members, i);

        if (!id_eq(&c->nid, &m->cfg.nid) && c->state < MEMBER_LEFT)
            return m->now.mono_ns >= m->drain_end_ns + ALONE_MS * STATE_MS;
    }
    /* Those that left may be coming back. */
    return members_len(m->members) == 1 || m->now.mono_ns >= m->drain_end_ns;
}

static void drain_end(struct mesh *m)
{
    if (!m->left) {
        m->left = true;
        members_leave(m->members, m->now.mono_ns);
        timer_set(m, &m->drain_timer, m->now.mono_ns + TIMING_LINGER * STATE_MS);
        return;
    }
    m->drained = true;
    effect_add(&m->fx, MESH_FX_DRAINED, EFFECT_HOLD);
    timer_stop(m, &m->drain_timer);
}

static void drain_look(struct mesh *m, struct timer *t)
{
    uint32_t left;

    if (m->left) {
        drain_end(m);
        return;
    }
    left = hand_over(m);
    if (!m->drain_killed && m->now.mono_ns >= m->drain_end_ns) {
        m->drain_killed = true;
        exec_stop_all(m);
    }
    /* Alone, what is left waits on the disk for the next start. */
    if ((left == 0 || alone(m)) && m->busy == 0 &&
        (!m->runs || m->now.mono_ns >= m->drain_end_ns + HANDOVER_MORE_MS * STATE_MS))
        drain_end(m);
    else
        timer_set(m, t, m->now.mono_ns + LOOK_MS * STATE_MS);
}

void drain_begin(struct mesh *m, uint32_t deadline_ms)
{
    uint64_t end =
        m->now.mono_ns + (uint64_t)(deadline_ms ? deadline_ms : DEADLINE_DEFAULT_MS) * STATE_MS;

    if (m->draining) {
        m->drain_end_ns = timer_min(m->drain_end_ns, end);
        return;
    }
    m->draining = true;
    m->drain_end_ns = end;
    m->drain_timer.fire = drain_look;
    timer_set(m, &m->drain_timer, m->now.mono_ns);
    peers_set_meta(m);
}

void drain_request(struct mesh *m, const struct asker *who, const struct id *nid)
{
    struct message done = {.type = MESSAGE_DONE};

    if (!id_is_zero(nid) && !id_eq(nid, &m->cfg.nid)) {
        wire_put_uint(peer_open(m, nid, FRAME_DRAIN, 0), DEADLINE_DEFAULT_MS);
    } else {
        drain_begin(m, 0);
    }
    watch_answer(m, who, &done);
}
