/* SPDX-License-Identifier: MPL-2.0 */
#include "mesh/reconfig.h"

#include "mesh/accept.h"
#include "mesh/job.h"
#include "mesh/peer.h"
#include "mesh/placement.h"
#include "mesh/takeover.h"
#include "mesh/timer.h"

enum { LOOK_MS = 1000, LOOK_JOBS = 4096, STREAMS_MAX = 32 };

/* It will not come back, or has been away too long. */
static bool member_lost(const struct mesh *m, const struct id *nid)
{
    const struct member *c = members_get(m->members, nid);

    if (id_eq(nid, &m->cfg.nid))
        return false;
    if (!c || c->state >= MEMBER_REPLACED)
        return c != NULL;
    return !member_is_up(c) &&
           m->now.mono_ns - c->since_ns >= (uint64_t)m->cfg.repair_after_ms * STATE_MS;
}

/* The set that should follow; false when the present one is as good as can be. Most are: what
 * costs as much as there are members is asked for the others only. */
static bool value_next(const struct mesh *m, const struct job *j, struct value *v)
{
    struct id add;
    bool can_add;
    uint32_t lost = v->n_rset;

    for (uint32_t i = 0; i < v->n_rset; i++)
        if (member_lost(m, &v->rset[i]))
            lost = i;
    if (lost == v->n_rset && v->n_rset >= m->cfg.replicas)
        return false;
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

/* Of two replicas one is lost: no version will settle in this set, but a new ballot may leave it
 * (accept_quorum_prepare()). */
static bool half_lost(const struct mesh *m, const struct value *v)
{
    return v->n_prev == 0 && v->n_rset == 2 &&
           (peer_replaced(m, &v->rset[0]) || peer_replaced(m, &v->rset[1]));
}

void reconfig_first(struct mesh *m, struct job *j)
{
    struct value v = j->r.v;

    if (!half_lost(m, &v))
        return;
    if (value_next(m, j, &v))
        j->r.v = v;
}

/* Where the last look ended, or the first job. */
static struct map_item *look_from(const struct mesh *m)
{
    struct map_item *it = map_at(m->jobs, m->reconfig_at.b, ID_SIZE);

    return it ? it : map_first(m->jobs);
}

/* A share of the jobs at a time: with a million of them nobody waits for a whole walk. */
static void look(struct mesh *m, struct timer *t)
{
    uint64_t streams = m->tally.moving;
    struct map_item *it = look_from(m);

    for (uint32_t i = 0; it && i < LOOK_JOBS && streams < STREAMS_MAX; i++, it = map_next(it)) {
        struct job *j = map_value(it);

        if (j->own && !j->own->acked && half_lost(m, &j->r.v)) {
            job_deposed(m, j);
            takeover_begin(m, j, TAKEOVER_CLEAN);
        }
        if (!j->own || !j->own->acked || !reconfig_wanted(m, j))
            continue;
        reconfig(m, j);
        job_arm(m, j);
        streams++;
    }
    memset(&m->reconfig_at, 0, sizeof(m->reconfig_at));
    if (it)
        memcpy(m->reconfig_at.b, map_key(it, NULL), ID_SIZE);
    m->repair_tokens = STREAMS_MAX;
    timer_set(m, t, m->now.mono_ns + timer_backoff(m, 0, LOOK_MS, LOOK_MS));
}

void reconfig_start(struct mesh *m)
{
    m->reconfig_timer.fire = look;
    timer_set(m, &m->reconfig_timer, m->now.mono_ns + LOOK_MS * STATE_MS);
}

bool reconfig_try(struct mesh *m, struct job *j)
{
    if (!reconfig_wanted(m, j))
        return false;
    reconfig(m, j);
    return true;
}

/* Somebody promised a ballot that came to nothing, and now nobody may accept what the others
 * have: only a new ballot brings the replicas together. */
static bool promised_apart(const struct mesh *m, const struct job *j)
{
    return ballot_cmp(&j->r.promised, &j->r.acc) > 0 && !accept_everywhere(m, j);
}

void reconfig_decided(struct mesh *m, struct job *j)
{
    uint32_t first = 0;

    while (first < j->r.v.n_rset &&
           (!peer_up(m, &j->r.v.rset[first]) || accept_behind(j, &j->r.v.rset[first])))
        first++;
    if (m->repair_tokens == 0 || first == j->r.v.n_rset || !id_eq(&j->r.v.rset[first], &m->cfg.nid))
        return;
    if (j->r.v.n_prev == 0 && !reconfig_wanted(m, j) && !promised_apart(m, j))
        return;
    m->repair_tokens--;
    takeover_begin(m, j, TAKEOVER_CLEAN);
}
