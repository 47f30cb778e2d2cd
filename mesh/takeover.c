/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works
 *
 *     taker                                 replica
 *       | promised = (max + 1, me), stored     |
 *       | ...synced...                         |
 *       |---- PREPARE jid ballot ------------->| promise, store
 *       |                                      | ...synced...
 *       |<--- PROM its record -----------------| or OK, which says what it promised instead
 *       | best = newest accepted of all        |
 *       | majority of every set seen: adopt    |
 *
 * A replica that never heard of the job promises too: it has accepted nothing, and nobody
 * ever forgets a job that could still be accepted (purge.c). If the newest value names
 * another set, that set is asked as well before anything is adopted.
 */
#include "mesh/takeover.h"

#include "mesh/accept.h"
#include "mesh/blob.h"
#include "mesh/frame.h"
#include "mesh/job.h"
#include "mesh/keyed.h"
#include "mesh/lag.h"
#include "mesh/owner.h"
#include "mesh/peer.h"
#include "mesh/placement.h"
#include "mesh/purge.h"
#include "mesh/reconfig.h"
#include "mesh/repair.h"
#include "mesh/store.h"
#include "mesh/timer.h"

enum { PREPARE_FIRST_MS = 300, PREPARE_MAX_MS = 5000, BLOB_TRIES = 6, ELDER_TRIES = 3 };

/* ---- the sets that must agree ---- */

static void config_add(struct mesh *m, struct job *j, const struct value *v)
{
    struct take *t = j->take;

    for (uint32_t i = 0; i < t->n_configs; i++)
        if (t->configs[i].gen == v->gen && t->configs[i].n_prev == v->n_prev &&
            t->configs[i].n_rset == v->n_rset &&
            memcmp(t->configs[i].rset, v->rset, sizeof(v->rset)) == 0)
            return;
    /* With the table full the last is replaced: the first ones and the newest one stay. */
    if (t->n_configs == STATE_CONFIGS)
        t->n_configs--;
    t->configs[t->n_configs++] = *v;
    accept_replicas_of(m, j, v);
}

static bool promise_has(const void *ctx, const struct id *nid)
{
    const struct job *j = ctx;

    if (id_eq(nid, &j->take->ballot.nid))
        return j->take->own_synced;
    for (uint32_t i = 0; i < j->n_replicas; i++)
        if (id_eq(&j->replicas[i].nid, nid))
            return j->replicas[i].promised;
    /* The table of replicas was full: what was never asked has promised nothing. */
    return false;
}

static bool promised_by_all(const struct mesh *m, const struct job *j)
{
    if (!j->take->own_synced || j->take->n_configs == 0 || !life_confirmed(m))
        return false;
    for (uint32_t i = 0; i < j->take->n_configs; i++)
        if (!accept_quorum_prepare(m, &j->take->configs[i], promise_has, j))
            return false;
    return true;
}

/* ---- who may have the key already ---- */

static void elder_heard(struct take *t, const struct id *nid)
{
    for (uint32_t i = 0; i < t->n_elders; i++)
        if (id_eq(&t->elders[i], nid))
            t->elders_heard |= 1u << i;
}

static bool is_elder(const struct take *t, const struct id *nid)
{
    for (uint32_t i = 0; i < t->n_elders; i++)
        if (id_eq(&t->elders[i], nid))
            return true;
    return false;
}

/* Those who are up have answered, or have had their time to. */
static bool elders_asked(const struct mesh *m, const struct take *t)
{
    if (t->tries >= ELDER_TRIES)
        return true;
    for (uint32_t i = 0; i < t->n_elders; i++)
        if (!(t->elders_heard >> i & 1) && peer_up(m, &t->elders[i]))
            return false;
    return true;
}

/* ---- the taker ---- */

static void prepare_again(struct mesh *m, struct job *j)
{
    struct take *t = j->take;

    t->ballot = (struct ballot){j->r.promised.epoch + 1, m->cfg.nid};
    t->own_synced = false;
    j->r.promised = t->ballot;
    for (uint32_t i = 0; i < j->n_replicas; i++)
        j->replicas[i].promised = false;
    store_dirty(m, j);
    t->due_ns = m->now.mono_ns + timer_backoff(m, 0, PREPARE_FIRST_MS, PREPARE_MAX_MS);
}

void takeover_begin(struct mesh *m, struct job *j, enum takeover_why why)
{
    if (j->take || j->own || j->damaged || m->left)
        return;

    struct take *t = j->take = own_calloc(1, sizeof(*t));
    t->clean = why != TAKEOVER_FAILED;
    t->create = why == TAKEOVER_CREATE;
    t->begun_ns = m->now.mono_ns;
    j->push = false;
    lag_remove(m, j);
    j->n_replicas = 0;
    j->take_due_ns = STATE_NEVER;
    record_copy(&j->r, &t->best);
    if (t->create && j->r.acc.epoch == 0)
        t->n_elders = placement_create(m, &j->r.jid, &t->best.v, t->elders, STATE_ELDERS);
    if (t->best.v.n_rset > 0)
        config_add(m, j, &t->best.v);
    prepare_again(m, j);
    job_arm(m, j);
}

void takeover_end(struct job *j)
{
    if (!j->take)
        return;
    record_done(&j->take->best);
    free(STEAL(j->take));
}

void takeover_lost(struct mesh *m, struct job *j)
{
    j->take_tries++;
    takeover_end(j);
    if (j->r.decided)
        purge_begin(m, j);
    else
        repair_watch(m, j);
    job_arm(m, j);
}

/* Nobody was heard of who accepted anything. */
static bool creates(const struct job *j)
{
    return j->take->create && j->take->best.acc.epoch == 0;
}

static void prepare_one(struct mesh *m, const struct job *j, const struct id *to)
{
    struct buf *b = peer_open(m, to, FRAME_PREPARE, 0);

    wire_put_id(b, &j->r.jid);
    ballot_put(b, &j->take->ballot);
    keyed_put_sets(b, creates(j) ? &j->take->best.v : NULL);
}

static void prepare_send(struct mesh *m, struct job *j)
{
    const struct take *t = j->take;

    for (uint32_t i = 0; i < j->n_replicas; i++)
        if (!j->replicas[i].promised && !peer_forgotten(m, &j->replicas[i].nid))
            prepare_one(m, j, &j->replicas[i].nid);
    for (uint32_t i = 0; i < t->n_elders && creates(j); i++)
        if (!(t->elders_heard >> i & 1) && !accept_replica(j, &t->elders[i]))
            prepare_one(m, j, &t->elders[i]);
}

void takeover_due(struct mesh *m, struct job *j)
{
    struct take *t = j->take;

    if (t->due_ns > m->now.mono_ns)
        return;
    /* Not tried again by itself: a client that still wants it asks again. Nor is one that came upon
     * the job and waits for a set it asked because there might be none: what it came upon has a set
     * of its own, and takeover_from() asks no other. */
    if (t->create && keyed_is_over(m, j)) {
        takeover_lost(m, j);
        return;
    }
    t->due_ns = m->now.mono_ns + timer_backoff(m, ++t->tries, PREPARE_FIRST_MS, PREPARE_MAX_MS);
    if (t->own_synced)
        prepare_send(m, j);
    /* What it lacks may have been asked for in vain. */
    takeover_progress(m, j);
}

/* What the newest value becomes in the hands of its new owner. */
static void value_adopt(struct mesh *m, struct job *j, bool clean)
{
    struct value *v = &j->r.v;

    if (j->r.decided) {
        v->phase = RECORD_TERMINAL;
        v->running = false;
        v->term = j->r.final;
    }
    if (v->phase == RECORD_TERMINAL)
        return;
    if (j->r.cancel)
        owner_set_end(m, v, RECORD_CANCELLED, "cancelled");
    else if (v->running && clean)
        v->running = false;
    else if (v->running && owner_count_failure(m, v))
        owner_set_end(m, v, RECORD_FAILED, "stalled: lost what ran it too often");
}

/* The newest value cannot be handed on without this. */
static bool blob_missing(const struct job *j, const struct record *best)
{
    const struct term *end = best->decided ? &best->final : &best->v.term;

    if (best->decided || best->v.phase == RECORD_TERMINAL)
        return end->len > 0 && !id_eq(&end->hash, &j->result_hash);
    return !best->origin || !id_eq(&best->origin->spec_hash, &j->spec_hash);
}

static void takeover_won(struct mesh *m, struct job *j)
{
    struct take *t = j->take;
    bool clean = t->clean;

    j->r.v = t->best.v;
    j->r.acc = t->ballot;
    j->r.ver = 0;
    j->r.cancel = j->r.cancel || t->best.cancel;
    j->r.told = j->r.told || t->best.told;
    record_take_origin(&j->r, &t->best);
    if (t->best.decided && !j->r.decided) {
        j->r.decided = true;
        j->r.final = t->best.final;
    }
    if (!clean)
        m->stats.takeovers++;
    takeover_end(j);
    j->take_tries = 0;
    value_adopt(m, j, clean);
    reconfig_first(m, j);
    owner_begin(m, j);
}

void takeover_progress(struct mesh *m, struct job *j)
{
    struct take *t = j->take;

    if (!t->own_synced && ballot_cmp(&j->synced_promised, &t->ballot) == 0) {
        t->own_synced = true;
        prepare_send(m, j);
    }
    if (!promised_by_all(m, j))
        return;
    if (t->best.acc.epoch == 0 && !t->create)
        takeover_lost(m, j); /* nobody ever accepted anything: there is no job */
    else if (t->best.acc.epoch == 0 && elders_asked(m, t))
        keyed_create(m, j);
    else if (t->best.acc.epoch == 0)
        return;
    else if (blob_missing(j, &t->best) && !(t->best.decided && t->tries > BLOB_TRIES))
        blob_fetch(m, j, t->best.decided || t->best.v.phase == RECORD_TERMINAL);
    else
        takeover_won(m, j);
}

static void best_merge(struct mesh *m, struct job *j, const struct record *src)
{
    struct record *best = &j->take->best;

    if (!best->origin || record_acc_cmp(src, best) > 0)
        record_take_origin(best, src);
    if (record_acc_cmp(src, best) > 0) {
        best->acc = src->acc;
        best->ver = src->ver;
        best->v = src->v;
        config_add(m, j, &best->v);
    }
    best->cancel = best->cancel || src->cancel;
    best->told = best->told || src->told;
    if (src->decided) {
        best->decided = true;
        best->final = src->final;
    }
}

void takeover_from(struct mesh *m, struct job *j, const struct record *src)
{
    takeover_begin(m, j, TAKEOVER_CLEAN);
    if (j->take)
        best_merge(m, j, src);
}

void takeover_heard_none(struct mesh *m, struct job *j, const struct id *from)
{
    elder_heard(j->take, from);
    takeover_progress(m, j);
}

void takeover_create(struct mesh *m, struct job *j)
{
    takeover_won(m, j);
}

/* ---- the replica ---- */

static void prom_send(struct mesh *m, struct job *j, const struct id *to)
{
    struct buf record;

    buf_init(&record, RECORD_MAX);
    if (record_encode(&j->r, &record) == 0) {
        struct buf *b = peer_open(m, to, FRAME_PROM, record.len);

        wire_put_id(b, &j->r.jid);
        ballot_put(b, &j->r.promised);
        wire_put_bin(b, record.data, record.len);
    }
    buf_done(&record);
}

static void promise(struct mesh *m, struct job *j, const struct ballot *ballot)
{
    if (ballot_cmp(ballot, &j->r.promised) == 0)
        return;
    j->r.promised = *ballot;
    store_dirty(m, j);
    if (j->own)
        job_deposed(m, j);
    if (j->take)
        takeover_lost(m, j);
    repair_watch(m, j);
    job_arm(m, j);
}

void takeover_on_prepare(struct mesh *m, const struct id *from, struct wire_reader *r)
{
    struct id jid = wire_get_id(r);
    struct ballot ballot = ballot_get(r);
    struct keyed_sets sets;

    keyed_get_sets(r, &sets);
    if (r->bad || ballot.epoch == 0 || !id_eq(&ballot.nid, from))
        return;
    if (purge_is(m, &jid)) {
        purge_tell(m, &jid, from);
        return;
    }

    struct job *j = job_find(m, &jid);
    if (sets.n > 0 && (!j || j->r.acc.epoch == 0) && !keyed_may_promise(m, &jid, &sets)) {
        repair_none(m, &jid, from);
        return;
    }
    if (!j)
        j = job_new(m, &jid);
    if (j->damaged)
        return;
    if (ballot_cmp(&ballot, &j->r.promised) < 0) {
        accept_reply(m, j, from, 0);
        return;
    }
    promise(m, j, &ballot);
    prom_send(m, j, from);
}

void takeover_on_prom(struct mesh *m, const struct id *from, struct wire_reader *r)
{
    struct id jid = wire_get_id(r);
    struct ballot ballot = ballot_get(r);
    struct span bytes = wire_get_bin(r, RECORD_MAX);
    struct job *j = r->bad ? NULL : job_find(m, &jid);
    struct replica *p = j && j->take ? accept_replica(j, from) : NULL;
    struct wire_reader w;
    struct record src;

    if (!j || !j->take || (!p && !is_elder(j->take, from)) ||
        ballot_cmp(&ballot, &j->take->ballot) != 0)
        return;
    wire_reader_init(&w, bytes.data, bytes.len);
    if (record_decode(&w, &src) != 0)
        return;
    if (!id_eq(&src.jid, &jid) || accept_conflict(m, &j->r, &src) ||
        accept_conflict(m, &j->take->best, &src)) {
        record_done(&src);
        return;
    }
    if (p)
        p->promised = true;
    elder_heard(j->take, from);
    best_merge(m, j, &src);
    record_done(&src);
    takeover_progress(m, j);
    if (job_find(m, &jid) == j)
        job_arm(m, j);
}
