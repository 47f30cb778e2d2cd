/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works: each job remembers how it was counted, and job_arm(), which follows every
 * change, counts it again. Delayed jobs are told from queued ones by the queue, which knows
 * when their time comes. Decided jobs are counted by their set of replicas, because the first of
 * the set that is up tells of them, and who is up changes without the job changing.
 */
#include "mesh/tally.h"

#include "mesh/job.h"
#include "mesh/list.h"
#include "mesh/peer.h"

#include <assert.h>

/* The decided jobs of one set of replicas. */
struct tally_set {
    uint32_t n_rset;
    struct id rset[LIMIT_REPLICAS];
    uint64_t n;
    uint64_t ended[MESSAGE_STATE_N];
};

void tally_init(struct mesh *m)
{
    m->tally.sets = map_new(m->cfg.seed);
}

void tally_done(struct mesh *m)
{
    for (struct map_item *it = map_first(m->tally.sets); it; it = map_next(it))
        free(map_value(it));
    map_free(m->tally.sets);
}

static size_t set_len(uint32_t n_rset)
{
    return n_rset * sizeof(struct id);
}

static struct tally_set *set_of(struct mesh *m, const struct value *v)
{
    struct tally_set *s = map_get(m->tally.sets, v->rset, set_len(v->n_rset));

    if (s)
        return s;
    s = own_calloc(1, sizeof(*s));
    s->n_rset = v->n_rset;
    memcpy(s->rset, v->rset, set_len(v->n_rset));
    (void)map_set(m->tally.sets, s->rset, set_len(s->n_rset), s);
    return s;
}

static bool set_is(const struct tally_set *s, const struct value *v)
{
    return s && s->n_rset == v->n_rset && memcmp(s->rset, v->rset, set_len(s->n_rset)) == 0;
}

/* What is told of it while it is not known whether its delay is over. */
static enum message_state state_of(const struct job *j)
{
    if (j->r.decided)
        return job_end_state(&j->r);
    if (j->own->stage >= OWN_STARTING || j->r.v.phase == RECORD_TERMINAL)
        return MESSAGE_STATE_ACTIVE;
    return MESSAGE_STATE_QUEUED;
}

void tally_remove(struct mesh *m, struct job *j)
{
    struct tally_mark *t = &j->tally;

    if (t->set) {
        t->set->ended[t->state]--;
        if (--t->set->n == 0) {
            (void)map_del(m->tally.sets, t->set->rset, set_len(t->set->n_rset));
            free(t->set);
        }
    } else if (t->own) {
        m->tally.own[t->state]--;
        m->tally.moving -= t->moving;
        m->tally.thin -= t->thin;
    }
    *t = (struct tally_mark){0};
}

static struct tally_mark mark_of(const struct mesh *m, const struct job *j)
{
    struct tally_mark t = {.own = j->own != NULL};

    if (j->own || j->r.decided)
        t.state = state_of(j);
    if (j->own) {
        t.moving = j->r.v.n_prev > 0;
        t.thin = t.moving || j->r.v.n_rset < m->cfg.replicas || !j->own->acked;
    }
    return t;
}

void tally_set(struct mesh *m, struct job *j)
{
    bool in_set = j->r.decided && !j->own;
    struct tally_mark t = mark_of(m, j);

    if (t.own == j->tally.own && t.state == j->tally.state && t.moving == j->tally.moving &&
        t.thin == j->tally.thin && (in_set ? set_is(j->tally.set, &j->r.v) : j->tally.set == NULL))
        return;
    tally_remove(m, j);
    if (in_set) {
        t.set = set_of(m, &j->r.v);
        t.set->ended[t.state]++;
        t.set->n++;
    } else if (t.own) {
        m->tally.own[t.state]++;
        m->tally.moving += t.moving;
        m->tally.thin += t.thin;
    }
    j->tally = t;
}

/* The first of the set that is up tells. */
static bool set_is_told_here(const struct mesh *m, const struct tally_set *s)
{
    for (uint32_t i = 0; i < s->n_rset; i++)
        if (peer_up(m, &s->rset[i]))
            return id_eq(&s->rset[i], &m->cfg.nid);
    return false;
}

void tally_states(const struct mesh *m, uint64_t jobs[MESSAGE_STATE_N])
{
    uint64_t delayed = queue_delayed(m->queue);

    for (int i = 0; i < MESSAGE_STATE_N; i++)
        jobs[i] += m->tally.own[i];
    jobs[MESSAGE_STATE_QUEUED] -= delayed;
    jobs[MESSAGE_STATE_DELAYED] += delayed;
    for (struct map_item *it = map_first(m->tally.sets); it; it = map_next(it)) {
        const struct tally_set *s = map_value(it);

        for (int i = 0; set_is_told_here(m, s) && i < MESSAGE_STATE_N; i++)
            jobs[i] += s->ended[i];
    }
}

void tally_check(const struct mesh *m)
{
    uint64_t walked[MESSAGE_STATE_N] = {0};
    uint64_t counted[MESSAGE_STATE_N] = {0};
    uint64_t moving = 0;
    uint64_t thin = 0;

    for (struct map_item *it = map_first(m->jobs); it; it = map_next(it)) {
        const struct job *j = map_value(it);
        struct tally_mark t = mark_of(m, j);

        assert(t.own == j->tally.own && t.state == j->tally.state);
        assert(t.moving == j->tally.moving && t.thin == j->tally.thin);
        if (list_is_teller(m, j))
            walked[job_state(m, j)]++;
        moving += t.moving;
        thin += t.thin;
    }
    tally_states(m, counted);
    assert(memcmp(walked, counted, sizeof(walked)) == 0);
    assert(moving == m->tally.moving && thin == m->tally.thin);
}
