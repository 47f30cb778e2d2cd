/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works
 *
 *     owner                          replica
 *       | r.v = ..., accept_propose()   |
 *       |---- ACCEPT record [blob] ---->| join; store record (and blob)
 *       |                               | ...its batch is synced...
 *       |<--- OK its state -------------| held back until then
 *       | majority: owner_progress()    |
 *
 * A replica that is behind is sent the record again, at doubling intervals, for as long as
 * this node is the one to do so (the owner of a live job, any holder of a decided one).
 * What is sent is always the whole current record: versions in between are never needed.
 */
#include "mesh/accept.h"

#include "base/log.h"
#include "mesh/damage.h"
#include "mesh/frame.h"
#include "mesh/job.h"
#include "mesh/lag.h"
#include "mesh/owner.h"
#include "mesh/peer.h"
#include "mesh/purge.h"
#include "mesh/repair.h"
#include "mesh/store.h"
#include "mesh/takeover.h"
#include "mesh/timer.h"

#include <errno.h>

enum {
    PUSH_FIRST_MS = 300,
    PUSH_MAX_MS = 5000,
    PUSH_WAIT_MS = 20,
    PUSH_READS_MAX = 64, /* blobs on their way from the disk to peers */
    RESUME_US = 100,     /* a job that was decided before this start, of the peers' time */
    NEED_BLOB = 1
};

/* Without those an operator has declared gone. */
static uint8_t set_left(const struct mesh *m, const struct id *set, uint32_t n, struct id *out)
{
    uint8_t left = 0;

    for (uint32_t i = 0; i < n; i++)
        if (!peer_forgotten(m, &set[i]))
            out[left++] = set[i];
    return left;
}

/*
 * Of two replicas both had to hold whatever was settled. When the disk of one is lost (its
 * place was taken by another), the other alone knows it all: it may go on, into a new set.
 * In larger sets a majority is left, or nothing may be guessed.
 */
static void set_spare(const struct mesh *m, struct id *set, uint8_t *n)
{
    if (*n != 2)
        return;
    if (peer_replaced(m, &set[0]) && !peer_replaced(m, &set[1]))
        set[0] = set[1];
    else if (!peer_replaced(m, &set[1]) || peer_replaced(m, &set[0]))
        return;
    *n = 1;
}

bool accept_quorum(const struct mesh *m, const struct value *v, record_has_fn *has, const void *ctx)
{
    struct value left = *v;

    left.n_rset = set_left(m, v->rset, v->n_rset, left.rset);
    left.n_prev = set_left(m, v->prev, v->n_prev, left.prev);
    /* The set that is left behind may miss what is lost for good. */
    set_spare(m, left.prev, &left.n_prev);
    return left.n_rset > 0 && value_quorum(&left, has, ctx);
}

bool accept_quorum_prepare(const struct mesh *m, const struct value *v, record_has_fn *has,
                           const void *ctx)
{
    struct value left = *v;

    left.n_rset = set_left(m, v->rset, v->n_rset, left.rset);
    left.n_prev = set_left(m, v->prev, v->n_prev, left.prev);
    set_spare(m, left.rset, &left.n_rset);
    set_spare(m, left.prev, &left.n_prev);
    return left.n_rset > 0 && value_quorum(&left, has, ctx);
}

struct vote {
    const struct mesh *m;
    const struct job *j;
};

static bool vote_has(const void *ctx, const struct id *nid)
{
    const struct vote *v = ctx;
    const struct record *r = &v->j->r;

    if (id_eq(nid, &v->m->cfg.nid))
        return ballot_cmp(&v->j->synced_acc, &r->acc) == 0 && v->j->synced_ver >= r->ver;
    for (uint32_t i = 0; i < v->j->n_replicas; i++) {
        const struct replica *p = &v->j->replicas[i];

        if (id_eq(nid, &p->nid))
            return ballot_cmp(&p->acc, &r->acc) == 0 && p->ver >= r->ver;
    }
    return false;
}

bool accept_settled(const struct mesh *m, const struct job *j)
{
    struct vote v = {m, j};

    return accept_quorum(m, &j->r.v, vote_has, &v);
}

struct replica *accept_replica(struct job *j, const struct id *nid)
{
    for (uint32_t i = 0; i < j->n_replicas; i++)
        if (id_eq(&j->replicas[i].nid, nid))
            return &j->replicas[i];
    return NULL;
}

static void replica_add(struct mesh *m, struct job *j, const struct id *nid)
{
    struct replica *p;

    if (id_eq(nid, &m->cfg.nid) || j->n_replicas == STATE_REPLICAS || accept_replica(j, nid))
        return;
    /* It doubles as it fills. */
    if ((j->n_replicas & (j->n_replicas - 1)) == 0)
        j->replicas =
            own_realloc(j->replicas, (j->n_replicas ? 2 * j->n_replicas : 1) * sizeof(*p));
    p = &j->replicas[j->n_replicas++];
    memset(p, 0, sizeof(*p));
    p->nid = *nid;
}

void accept_replicas(struct mesh *m, struct job *j)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < j->n_replicas; i++)
        if (value_has(&j->r.v, &j->replicas[i].nid))
            j->replicas[n++] = j->replicas[i];
        else
            lag_drop(m, &j->replicas[i]);
    j->n_replicas = n;
    accept_replicas_of(m, j, &j->r.v);
}

void accept_replicas_of(struct mesh *m, struct job *j, const struct value *v)
{
    for (uint32_t i = 0; i < v->n_rset; i++)
        replica_add(m, j, &v->rset[i]);
    for (uint32_t i = 0; i < v->n_prev; i++)
        replica_add(m, j, &v->prev[i]);
}

void accept_spread(struct mesh *m, struct job *j)
{
    store_dirty(m, j);
    accept_replicas(m, j);
    j->push = true;
    for (uint32_t i = 0; i < j->n_replicas; i++) {
        j->replicas[i].due_ns = m->now.mono_ns;
        j->replicas[i].tries = 0;
    }
    lag_set(m, j);
    timer_set(m, &j->timer, m->now.mono_ns);
}

/* Some time soon, such that jobs which all choose one come evenly. */
static uint64_t resume_time(struct mesh *m)
{
    return m->now.mono_ns + rng_below(&m->rng, (uint64_t)map_len(m->jobs) * RESUME_US) * 1000;
}

void accept_resume(struct mesh *m, struct job *j)
{
    for (uint32_t i = 0; i < j->n_replicas; i++) {
        struct replica *p = &j->replicas[i];

        p->has_spec = p->has_result = true;
        p->due_ns = resume_time(m);
    }
}

void accept_again(struct mesh *m, struct job *j, const struct id *nid)
{
    struct replica *p = accept_replica(j, nid);

    if (!p)
        return;
    p->due_ns = j->r.decided ? resume_time(m) : m->now.mono_ns;
    p->tries = 0;
}

void accept_propose(struct mesh *m, struct job *j)
{
    j->r.ver++;
    j->own->acked = false;
    if (j->r.v.phase == RECORD_TERMINAL)
        for (uint32_t i = 0; i < j->n_replicas; i++)
            j->replicas[i].has_result = false;
    accept_spread(m, j);
}

/* ---- sending ---- */

bool accept_replica_behind(const struct job *j, const struct replica *p)
{
    return ballot_cmp(&p->acc, &j->r.acc) != 0 || p->ver < j->r.ver ||
           (j->r.decided && !p->decided) || (j->r.cancel && !p->cancel) || (j->r.told && !p->told);
}

bool accept_behind(const struct job *j, const struct id *nid)
{
    for (uint32_t i = 0; i < j->n_replicas; i++)
        if (id_eq(&j->replicas[i].nid, nid))
            return accept_replica_behind(j, &j->replicas[i]);
    return false;
}

bool accept_everywhere(const struct mesh *m, const struct job *j)
{
    for (uint32_t i = 0; i < j->n_replicas; i++)
        if (!peer_forgotten(m, &j->replicas[i].nid) && accept_replica_behind(j, &j->replicas[i]))
            return false;
    return j->r.v.n_prev == 0 && j->synced_ver == j->r.ver &&
           ballot_cmp(&j->synced_acc, &j->r.acc) == 0 && j->synced_decided == j->r.decided;
}

static bool ended_with_result(const struct job *j)
{
    return j->r.v.phase == RECORD_TERMINAL && j->r.v.term.len > 0;
}

/* The blob a replica must hold to vote for the record's value. */
static bool blob_wanted(const struct job *j)
{
    return j->r.acc.epoch > 0 && (j->r.v.phase == RECORD_PENDING || ended_with_result(j));
}

/* Decided, and this node cannot say with what result any more. */
static bool result_lost(const struct job *j)
{
    return j->r.decided && ended_with_result(j) && id_is_zero(&j->result_hash);
}

/* `record` is the job's, encoded; empty before the first replica it is for. */
static void write_to(struct mesh *m, struct job *j, struct buf *record, const struct id *to,
                     struct span blob)
{
    struct buf *b;

    if (record->len == 0 && record_encode(&j->r, record) != 0) {
        buf_reset(record);
        return;
    }
    b = peer_open(m, to, FRAME_ACCEPT, blob.len + record->len);
    wire_put_bin(b, record->data, record->len);
    if (blob.data)
        wire_put_bin(b, blob.data, blob.len);
    else
        wire_put_nil(b);
    wire_put_bool(b, result_lost(j));
}

static struct span blob_copy(const struct job *j)
{
    return j->r.v.phase == RECORD_TERMINAL ? (struct span){j->result, j->result_len}
                                           : (struct span){j->spec, j->spec_len};
}

/* What goes with the record must be read from the disk. */
static bool blob_is_read(const struct job *j, bool with_blob)
{
    return with_blob && blob_wanted(j) && !result_lost(j) && !blob_copy(j).data;
}

static void send_to(struct mesh *m, struct job *j, struct buf *record, const struct id *to,
                    bool with_blob)
{
    if (blob_is_read(j, with_blob)) {
        struct read what = {
            .kind = READ_PUSH, .result = j->r.v.phase == RECORD_TERMINAL, .peer = *to};

        store_read(m, j, &what);
    } else if (with_blob && blob_wanted(j) && !result_lost(j)) {
        write_to(m, j, record, to, blob_copy(j));
    } else {
        write_to(m, j, record, to, (struct span){0});
    }
}

void accept_send(struct mesh *m, struct job *j, const struct id *to, bool with_blob)
{
    auto_buf struct buf record = {.max = RECORD_MAX};

    send_to(m, j, &record, to, with_blob);
}

static bool replica_lacks_blob(const struct job *j, const struct replica *p)
{
    return j->r.v.phase == RECORD_TERMINAL ? !p->has_result : !p->has_spec;
}

void accept_push(struct mesh *m, struct job *j)
{
    auto_buf struct buf record = {.max = RECORD_MAX};

    for (uint32_t i = 0; j->push && i < j->n_replicas; i++) {
        struct replica *p = &j->replicas[i];

        if (p->due_ns > m->now.mono_ns || !accept_replica_behind(j, p))
            continue;
        if (j->r.decided && m->pushes >= PUSH_READS_MAX &&
            blob_is_read(j, replica_lacks_blob(j, p))) {
            p->due_ns = resume_time(m) + PUSH_WAIT_MS * STATE_MS;
            continue;
        }
        p->due_ns = m->now.mono_ns + timer_backoff(m, p->tries++, PUSH_FIRST_MS, PUSH_MAX_MS);
        send_to(m, j, &record, &p->nid, replica_lacks_blob(j, p));
    }
}

uint64_t accept_next(const struct mesh *m, const struct job *j)
{
    uint64_t due = STATE_NEVER;

    for (uint32_t i = 0; j->push && i < j->n_replicas; i++)
        if (!peer_forgotten(m, &j->replicas[i].nid) && accept_replica_behind(j, &j->replicas[i]))
            due = timer_min(due, j->replicas[i].due_ns);
    return due;
}

void accept_reply(struct mesh *m, struct job *j, const struct id *to, uint32_t need)
{
    struct buf *b = peer_open(m, to, FRAME_OK, 0);

    wire_put_id(b, &j->r.jid);
    ballot_put(b, &j->r.promised);
    ballot_put(b, &j->r.acc);
    wire_put_uint(b, j->r.ver);
    wire_put_bool(b, j->r.decided);
    wire_put_bool(b, j->r.cancel);
    wire_put_bool(b, j->r.told);
    wire_put_uint(b, need);
}

/* ---- receiving ---- */

bool accept_conflict(struct mesh *m, const struct record *a, const struct record *b)
{
    char text[ID_TEXT_SIZE];

    if (!a->decided || !b->decided || term_eq(&a->final, &b->final))
        return false;

    struct mesh_effect *e = effect_add(&m->fx, MESH_FX_FATAL, EFFECT_NOW);
    e->log.level = LOG_ERROR;
    (void)snprintf(e->log.text, sizeof(e->log.text), "job %s has two different ends",
                   id_format(&a->jid, text));
    m->dead = true;
    return true;
}

int accept_join(struct mesh *m, struct job *j, const struct record *src)
{
    bool was_decided = j->r.decided;

    if (accept_conflict(m, &j->r, src))
        return -EPROTO;

    int changed = record_join(&j->r, src);
    if (changed == 0)
        return 0;
    store_dirty(m, j);
    if ((changed & RECORD_ACCEPTED) && j->push)
        accept_replicas(m, j);
    if (j->own && (ballot_cmp(&j->r.promised, &j->r.acc) > 0 || !id_eq(&j->r.acc.nid, &m->cfg.nid)))
        job_deposed(m, j);
    if (j->take && ballot_cmp(&j->r.promised, &j->take->ballot) > 0)
        takeover_lost(m, j);
    if (j->r.decided && !was_decided)
        job_decided(m, j);
    else if ((changed & RECORD_CANCEL) && j->own)
        owner_cancel(m, j);
    job_arm(m, j);
    return 0;
}

/* What this replica still needs before it can hold src's value; takes it from `blob`. */
static uint32_t blob_take(struct mesh *m, struct job *j, const struct record *src, struct span blob)
{
    bool ended = src->v.phase == RECORD_TERMINAL;
    const struct id *hash = ended ? &src->v.term.hash : &src->origin->spec_hash;
    bool have =
        ended ? src->v.term.len == 0 || id_eq(hash, &j->result_hash) : id_eq(hash, &j->spec_hash);

    if (have)
        return 0;
    if (blob.len == 0)
        return NEED_BLOB;

    struct id got = record_blob_hash(blob);
    if (!id_eq(&got, hash))
        return NEED_BLOB;
    if (ended)
        store_result_put(m, j, blob, &got);
    else
        store_spec_put(m, j, blob, &got);
    return 0;
}

/* Stands for a result that nobody may have any more. */
static const struct span lost_blob;

/* A blob replaces the one that is stored only with a value that record_join() would take. One
 * where nothing is stored is one copy more, whatever becomes of its value. */
static bool blob_is_due(const struct job *j, const struct record *src)
{
    const struct id *stored = src->v.phase == RECORD_TERMINAL ? &j->result_hash : &j->spec_hash;

    return src->acc.epoch > 0 && record_acc_cmp(src, &j->r) > 0 &&
           (src->decided || ballot_cmp(&src->acc, &j->r.promised) >= 0 || id_is_zero(stored));
}

static void accept_take(struct mesh *m, const struct id *from, const struct record *src,
                        const struct span *blob)
{
    struct job *j = job_find(m, &src->jid);
    bool known = j != NULL;
    uint32_t need = 0;

    if (!known && !src->origin)
        return;
    if (!known)
        j = job_new(m, &src->jid);
    if (j->damaged) {
        damage_heard(m, j, from, src);
        return;
    }
    if (blob_is_due(j, src))
        need = blob_take(m, j, src, *blob);
    if (blob == &lost_blob && src->decided)
        need = 0;
    if (need == 0 && accept_join(m, j, src) != 0)
        return;
    accept_reply(m, j, from, need);
    if (need && !known) {
        job_remove(m, j);
        return;
    }
    if (!j->own && !j->take && !j->r.decided && record_acc_cmp(src, &j->r) > 0 &&
        id_eq(job_responsible(j), &m->cfg.nid) && life_confirmed(m))
        takeover_from(m, j, src);
    /* What is decided looks after itself, at its own pace. */
    if (!j->own && !j->take && !j->r.decided)
        repair_watch(m, j);
    job_arm(m, j);
}

void accept_on_accept(struct mesh *m, const struct id *from, struct wire_reader *r)
{
    struct span bytes = wire_get_bin(r, RECORD_MAX);
    struct span blob = {0};
    struct wire_reader w;
    struct record src;

    if (!wire_get_nil(r))
        blob = wire_get_bin(r, LIMIT_FRAME_BULK);
    bool lost = wire_get_bool(r);
    if (r->bad)
        return;
    wire_reader_init(&w, bytes.data, bytes.len);
    if (record_decode(&w, &src) != 0) {
        r->bad = true;
        return;
    }
    if (purge_is(m, &src.jid))
        purge_tell(m, &src.jid, from);
    else
        accept_take(m, from, &src, lost ? &lost_blob : &blob);
    record_done(&src);
}

static void replica_note(struct replica *p, const struct record *ok)
{
    p->acc = ok->acc;
    p->ver = ok->ver;
    p->decided = ok->decided;
    p->cancel = ok->cancel;
    p->told = ok->told;
    p->tries = 0;
}

static void ok_need(struct mesh *m, struct job *j, const struct id *from)
{
    struct replica *p = accept_replica(j, from);

    if (!p || !j->push) {
        accept_send(m, j, from, true);
        return;
    }
    p->has_spec = p->has_result = false;
    p->due_ns = m->now.mono_ns;
    accept_push(m, j);
    job_arm(m, j);
}

void accept_on_ok(struct mesh *m, const struct id *from, struct wire_reader *r)
{
    struct record ok = {.jid = wire_get_id(r)};
    uint32_t need;

    ok.promised = ballot_get(r);
    ok.acc = ballot_get(r);
    ok.ver = (uint32_t)wire_get_uint(r, UINT32_MAX);
    ok.decided = wire_get_bool(r);
    ok.cancel = wire_get_bool(r);
    ok.told = wire_get_bool(r);
    need = (uint32_t)wire_get_uint(r, UINT32_MAX);

    struct job *j = r->bad ? NULL : job_find(m, &ok.jid);
    if (!j || j->damaged)
        return;
    if (need) {
        ok_need(m, j, from);
        return;
    }

    struct replica *p = accept_replica(j, from);
    if (p) {
        replica_note(p, &ok);
        if (ballot_cmp(&ok.acc, &j->r.acc) == 0 && ok.ver >= j->r.ver) {
            if (j->r.v.phase == RECORD_TERMINAL)
                p->has_result = true;
            else
                p->has_spec = true;
        }
    }
    repair_behind(m, j, from, &ok);
}
