/* SPDX-License-Identifier: MPL-2.0 */
#include "mesh/reconfig.h"

#include "mesh/accept.h"
#include "mesh/job.h"
#include "mesh/peer.h"
#include "mesh/placement.h"
#include "mesh/takeover.h"
#include "mesh/timer.h"

enum { LOOK_MS = 1000, STREAMS_MAX = 32 };

/* It will not come back, or has been away too long. */
static bool member_lost(const struct mesh *m, const struct id *nid)
{
    const struct member *c = members_get(m->members, nid);

    if (id_eq(nid, &m->cfg.nid))
        return false;
    if (!c || c->state >= MEMBER_LEFT)
        return c != NULL;
    return c->state == MEMBER_DEAD &&
           m->now.mono_ns - c->since_ns >= (uint64_t)m->cfg.repair_after_ms * STATE_MS;
}

/* The set that should follow; false when the present one is as good as can be. */
static bool value_next(const struct mesh *m, const struct job *j, struct value *v)
{
    struct id add;
    bool can_add;
    uint32_t lost = v->n_rset;

    for (uint32_t i = 0; i < v->n_rset; i++)
        if (member_lost(m, &v->rset[i]))
            lost = i;
    can_add = placement_next(m, &j->r.jid, v, &add);
    v->n_prev = v->n_rset;
    memcpy(v->prev, v->rset, sizeof(v->prev));
    v->gen++;
    if (lost < v->n_rset && can_add)
        v->rset[lost] = add;
    else if (lost < v->n_rset && peer_gone(m, &v->rset[lost]) && v->n_rset > 1)
        v->rset[lost] = v->rset[--v->n_rset];
    else if (v->n_rset < m->cfg.replicas && can_add)
        v->rset[v->n_rset++] = add;
    else
        return false;
    return true;
}

bool reconfig_wanted(const struct mesh *m, const struct job *j)
{
    struct value v = j->r.v;

    return j->r.acc.epoch > 0 && v.n_prev == 0 && value_next(m, j, &v);
}

static void reconfig(struct mesh *m, struct job *j)
{
    struct value v = j->r.v;

    if (!value_next(m, j, &v))
        return;
    memset(v.rset + v.n_rset, 0, (LIMIT_REPLICAS - v.n_rset) * sizeof(v.rset[0]));
    j->r.v = v;
    m->stats.repairs++;
    accept_propose(m, j);
}

static void look(struct mesh *m, struct timer *t)
{
    uint32_t streams = 0;

    for (struct map_item *it = map_first(m->jobs); it; it = map_next(it)) {
        struct job *j = map_value(it);

        streams += j->own && j->r.v.n_prev > 0 ? 1 : 0;
    }
    for (struct map_item *it = map_first(m->jobs); it && streams < STREAMS_MAX; it = map_next(it)) {
        struct job *j = map_value(it);

        if (!j->own || !j->own->acked || !reconfig_wanted(m, j))
            continue;
        reconfig(m, j);
        job_arm(m, j);
        streams++;
    }
    timer_set(m, t, m->now.mono_ns + timer_backoff(m, 0, LOOK_MS, LOOK_MS));
}

void reconfig_start(struct mesh *m)
{
    m->reconfig_timer.fire = look;
    timer_set(m, &m->reconfig_timer, m->now.mono_ns + LOOK_MS * STATE_MS);
}

void reconfig_decided(struct mesh *m, struct job *j)
{
    (void)m;
    (void)j;
}

void reconfig_member_changed(struct mesh *m)
{
    (void)m;
}

uint64_t reconfig_under_replicated(const struct mesh *m)
{
    uint64_t n = 0;

    for (struct map_item *it = map_first(m->jobs); it; it = map_next(it)) {
        const struct job *j = map_value(it);

        if (j->own && (j->r.v.n_prev > 0 || j->r.v.n_rset < m->cfg.replicas || !j->own->acked))
            n++;
    }
    return n;
}
