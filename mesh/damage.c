/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works: every peer is asked, again and again. The copies that come in are joined.
 *
 *     somebody has accepted something    then there is a replica set, and whatever majority
 *                                        this node was part of, and whoever it promised to, is
 *                                        among the other members: once each of them has shown
 *                                        its copy, or said that it has none, the newest is taken
 *
 *     nobody has accepted anything       known only once every peer that was ever heard of has
 *                                        said that it never had a copy. What was lost was at one
 *                                        disk, this one. Where a job needs two, no client can
 *                                        have been told that it is kept: it is given up, and the
 *                                        client's key is free again
 *
 * A member whose own copy is damaged cannot say that it had none. When it may be the other half of
 * a majority nothing is guessed: the job waits, as it does for a disk that is gone, until an
 * operator says that there is nothing to wait for. So it does where one copy is enough to
 * acknowledge a job. Once, that is said as an error.
 *
 * A copy that had only promised is not lost so easily: each of its pairs is all of it.
 */
#include "mesh/damage.h"

#include "base/log.h"
#include "mesh/accept.h"
#include "mesh/frame.h"
#include "mesh/job.h"
#include "mesh/life.h"
#include "mesh/peer.h"
#include "mesh/placement.h"
#include "mesh/repair.h"
#include "mesh/store.h"
#include "mesh/timer.h"

enum { ASK_MS = 1000, EPOCH_JUMP = 4096 };

void damage_found(struct mesh *m, const struct id *jid)
{
    struct job *j = job_find(m, jid);

    if (!j)
        j = job_new(m, jid);
    j->worn = j->r.promised.epoch > 0;
    j->damaged = !j->worn;
    j->ask_due_ns = 0;
}

void damage_done(struct job *j)
{
    free(STEAL(j->heard));
    j->n_heard = 0;
}

static struct heard *heard_find(const struct job *j, const struct id *nid)
{
    for (uint32_t i = 0; i < j->n_heard; i++)
        if (id_eq(&j->heard[i].nid, nid))
            return &j->heard[i];
    return NULL;
}

static void heard_add(struct job *j, const struct id *nid, bool damaged)
{
    struct heard *h = heard_find(j, nid);

    if (!h) {
        j->heard = own_realloc(j->heard, (j->n_heard + 1) * sizeof(*j->heard));
        h = &j->heard[j->n_heard++];
        h->nid = *nid;
    }
    h->damaged = damaged;
}

/* All others of the set have said what they have. */
static bool heard_set(const struct mesh *m, const struct job *j, const struct id *set, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        const struct heard *h = heard_find(j, &set[i]);

        if (!id_eq(&set[i], &m->cfg.nid) && !peer_forgotten(m, &set[i]) && !(h && !h->damaged))
            return false;
    }
    return true;
}

/* Everybody whose disk there may still be has answered. */
static bool heard_all(const struct mesh *m, const struct job *j)
{
    /* Who else there is must have had time to come here. */
    if (!life_confirmed(m) ||
        m->now.mono_ns - members_self(m->members)->known_ns < TIMING_PLACEABLE * STATE_MS)
        return false;
    for (uint32_t i = 0; i < members_len(m->members); i++) {
        const struct member *c = members_at(m->members, i);

        if (!id_eq(&c->nid, &m->cfg.nid) && c->state < MEMBER_REPLACED && !heard_find(j, &c->nid))
            return false;
    }
    return true;
}

/* What cannot be read may have been a majority, and a job that was acknowledged. */
static bool may_be_kept(const struct mesh *m, const struct job *j)
{
    uint32_t lost = 1;

    for (uint32_t i = 0; i < members_len(m->members); i++) {
        const struct member *c = members_at(m->members, i);
        const struct heard *h = heard_find(j, &c->nid);

        lost += h && h->damaged && c->state < MEMBER_REPLACED;
    }
    return lost >= (placement_least(m) == 1 ? 1 : 2);
}

/* Which blobs stand on this disk, only the lost record could tell. */
static void blob_look(struct mesh *m, struct job *j)
{
    const struct term *end = j->r.decided ? &j->r.final : &j->r.v.term;
    struct read what = {.kind = READ_MENDED,
                        .result = j->r.decided || j->r.v.phase == RECORD_TERMINAL};

    if (j->r.origin && (!what.result || end->len > 0))
        store_read(m, j, &what);
}

static void mended(struct mesh *m, struct job *j)
{
    damage_done(j);
    j->damaged = false;
    store_dirty(m, j);
    m->stats.repairs++;
    blob_look(m, j);
    if (j->r.decided)
        job_decided(m, j);
    else
        repair_watch(m, j);
    job_arm(m, j);
}

static void given_up(struct mesh *m, struct job *j)
{
    char text[ID_TEXT_SIZE];

    effect_log(&m->fx, LOG_ERROR, "the record of job %s is damaged and nobody has another",
               id_format(&j->r.jid, text));
    if (id_job_is_keyed(&j->r.jid)) {
        /* The key may come again, but no ballot that this node may have used before. */
        j->r.promised = (struct ballot){j->r.promised.epoch + EPOCH_JUMP, m->cfg.nid};
        mended(m, j);
        return;
    }

    struct store_name spec = store_name_id(STORE_SPEC, &j->r.jid);
    job_remove(m, j);
    store_record_del(m, j);
    store_del(m, &spec);
}

static void wait_for_operator(struct mesh *m, struct job *j)
{
    char text[ID_TEXT_SIZE];

    if (j->damage_said)
        return;
    j->damage_said = true;
    effect_log(&m->fx, LOG_ERROR,
               "the record of job %s is damaged, and nobody has another: as the job may have been "
               "acknowledged, it waits until such a disk is wiped or forgotten",
               id_format(&j->r.jid, text));
}

static void settle(struct mesh *m, struct job *j)
{
    const struct value *v = &j->r.v;
    bool known = j->r.acc.epoch > 0 || j->r.decided;

    if (known && heard_set(m, j, v->rset, v->n_rset) && heard_set(m, j, v->prev, v->n_prev))
        mended(m, j);
    else if (!known && heard_all(m, j) && may_be_kept(m, j))
        wait_for_operator(m, j);
    else if (!known && heard_all(m, j))
        given_up(m, j);
}

void damage_heard(struct mesh *m, struct job *j, const struct id *from, const struct record *src)
{
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
    heard_add(j, from, false);
    job_arm(m, j);
    settle(m, j);
}

void damage_heard_none(struct mesh *m, struct job *j, const struct id *from, bool damaged)
{
    heard_add(j, from, damaged);
    settle(m, j);
}

void damage_due(struct mesh *m, struct job *j)
{
    if (j->ask_due_ns > m->now.mono_ns)
        return;
    j->ask_due_ns = m->now.mono_ns + timer_backoff(m, 0, ASK_MS, ASK_MS);
    for (uint32_t i = 0; i < members_len(m->members); i++)
        if (member_is_up(members_at(m->members, i)))
            wire_put_id(peer_open(m, &members_at(m->members, i)->nid, FRAME_ASK, 0), &j->r.jid);
    /* An operator may have said meanwhile that one will not answer any more. */
    settle(m, j);
}
