/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works: a change to a job's record links it into m->dirty; when the step ends each
 * dirty record is encoded once into the step's batch, and what was encoded is noted in a
 * first-in-first-out list with the batch's number. When the batch is synced, the notes come
 * off the list and become what the job knows to be durable here: its own vote.
 */
#include "mesh/store.h"

#include "base/hash.h"
#include "base/log.h"
#include "mesh/blob.h"
#include "mesh/job.h"
#include "mesh/mutant.h"
#include "mesh/scrub.h"
#include "mesh/tally.h"

#include <assert.h>
#include <errno.h>

enum {
    SEAL_VERSION = 1,
    SEAL_LEN = 5,
    CACHE_MAX = 64 * LIMIT_MIB,
    RECORD_USUAL = 500, /* bytes, of most records */
};

/* A version of a record on its way to the disk. */
struct stored {
    struct stored *next;
    uint64_t batch;
    struct job *job; /* NULL: it has gone */
    struct ballot promised, acc;
    uint32_t ver;
    bool decided;
};

struct store_name store_name_bytes(enum store_key kind, const void *bytes, size_t len)
{
    struct store_name n = {.len = (uint8_t)(len + 1)};

    assert(len < LIMIT_KEY);
    n.at[0] = (uint8_t)kind;
    memcpy(n.at + 1, bytes, len);
    return n;
}

struct store_name store_name_id(enum store_key kind, const struct id *id)
{
    return store_name_bytes(kind, id->b, ID_SIZE);
}

bool mesh_key_is_blob(struct span key)
{
    return key.len > 0 && (key.data[0] == STORE_SPEC || key.data[0] == STORE_RESULT);
}

/* `out` has room for SEAL_LEN bytes more. */
static void seal(struct span bytes, uint8_t *out)
{
    uint32_t crc = hash_crc32c(0, bytes.data, bytes.len);

    out[0] = SEAL_VERSION;
    for (int i = 0; i < 4; i++)
        out[1 + i] = (uint8_t)(crc >> (8 * i));
    if (bytes.len)
        memcpy(out + SEAL_LEN, bytes.data, bytes.len);
}

void store_seal(struct span bytes, struct buf *out)
{
    uint8_t *room = buf_reserve(out, SEAL_LEN + bytes.len);

    if (!room)
        return;
    seal(bytes, room);
    out->len += SEAL_LEN + bytes.len;
}

int store_unseal(struct span value, struct span *ret_bytes)
{
    uint32_t crc = 0;

    if (value.len < SEAL_LEN || value.data[0] != SEAL_VERSION)
        return -EBADMSG;
    for (int i = 0; i < 4; i++)
        crc |= (uint32_t)value.data[1 + i] << (8 * i);

    struct span bytes = {value.data + SEAL_LEN, value.len - SEAL_LEN};
    if (hash_crc32c(0, bytes.data, bytes.len) != crc)
        return -EBADMSG;
    *ret_bytes = bytes;
    return 0;
}

void store_put(struct mesh *m, const struct store_name *name, struct span bytes)
{
    seal(bytes, effect_put(&m->fx, store_name_span(name), SEAL_LEN + bytes.len));
}

void store_del(struct mesh *m, const struct store_name *name)
{
    effect_del(&m->fx, store_name_span(name));
}

void store_dirty(struct mesh *m, struct job *j)
{
    if (j->dirty)
        return;
    j->dirty = true;
    j->dirty_next = m->dirty;
    m->dirty = j;
}

/* In one batch with the record, whose bytes these are. */
static void vow_store(struct mesh *m, struct job *j, struct span record)
{
    struct store_name name = store_name_id(STORE_VOW, &j->r.jid);
    bool vow = j->r.acc.epoch == 0;

    if (vow)
        store_put(m, &name, record);
    else if (j->vow)
        store_del(m, &name);
    j->vow = vow;
}

void store_record_del(struct mesh *m, struct job *j)
{
    struct store_name record = store_name_id(STORE_RECORD, &j->r.jid);
    struct store_name vow = store_name_id(STORE_VOW, &j->r.jid);

    store_del(m, &record);
    if (j->vow)
        store_del(m, &vow);
}

/* The record as it goes to the disk. */
static void record_store(struct mesh *m, struct job *j)
{
    struct store_name name = store_name_id(STORE_RECORD, &j->r.jid);
    struct record r = j->r;
    struct buf b;

    if (MUTANT_PROMISE_NOT_PERSISTED && ballot_cmp(&r.promised, &r.acc) > 0)
        r.promised = r.acc;
    buf_init(&b, RECORD_MAX);
    (void)buf_reserve(&b, RECORD_USUAL);
    int bad = record_encode(&r, &b);
    assert(bad == 0);
    store_put(m, &name, buf_span(&b));
    vow_store(m, j, buf_span(&b));
    buf_done(&b);

    struct stored *s = own_calloc(1, sizeof(*s));
    s->batch = m->fx.batch + 1;
    s->job = j;
    s->promised = j->r.promised;
    s->acc = j->r.acc;
    s->ver = j->r.ver;
    s->decided = j->r.decided;
    *m->stored_last = s;
    m->stored_last = &s->next;
    j->n_stored++;
}

static void gen_store(struct mesh *m)
{
    struct store_name name = store_name_bytes(STORE_OWN, "gen", 3);
    struct buf b;

    buf_init(&b, LIMIT_KEY);
    wire_put_uint(&b, m->gen + m->fx.batch + 1);
    store_put(m, &name, buf_span(&b));
    buf_done(&b);
}

void store_flush(struct mesh *m)
{
    while (m->dirty) {
        struct job *j = m->dirty;

        m->dirty = j->dirty_next;
        j->dirty_next = NULL;
        j->dirty = false;
        tally_set(m, j);
        if (!j->damaged)
            record_store(m, j);
    }
    if (m->fx.n_ops > 0) {
        gen_store(m);
        m->stats.commits++;
    }
}

void store_synced(struct mesh *m, uint64_t batch)
{
    if (batch > m->fx.batch || batch <= m->fx.synced)
        return;
    m->fx.synced = batch;
    while (m->stored_first && m->stored_first->batch <= batch) {
        struct stored *s = m->stored_first;
        struct job *j = s->job;

        m->stored_first = s->next;
        if (!m->stored_first)
            m->stored_last = &m->stored_first;
        if (j) {
            j->n_stored--;
            j->synced_promised = s->promised;
            j->synced_acc = s->acc;
            j->synced_ver = s->ver;
            j->synced_decided = s->decided;
            job_progress(m, j);
        }
        free(s);
    }
}

void store_job_gone(struct mesh *m, struct job *j)
{
    for (struct stored *s = m->stored_first; s && j->n_stored > 0; s = s->next) {
        if (s->job != j)
            continue;
        s->job = NULL;
        j->n_stored--;
    }
}

void store_done(struct mesh *m)
{
    while (m->stored_first) {
        struct stored *s = m->stored_first;

        m->stored_first = s->next;
        free(s);
    }
    for (struct map_item *it = map_first(m->reads); it; it = map_next(it))
        free(map_value(it));
    map_free(m->reads);
}

/* ---- blobs ---- */

static bool copy_keep(struct mesh *m, uint8_t **slot, size_t *len, struct span bytes)
{
    if (*slot || bytes.len == 0 || m->cached + bytes.len > CACHE_MAX)
        return false;
    *slot = own_memdup(bytes.data, bytes.len);
    *len = bytes.len;
    m->cached += bytes.len;
    return true;
}

void store_spec_put(struct mesh *m, struct job *j, struct span spec, const struct id *hash)
{
    struct store_name name = store_name_id(STORE_SPEC, &j->r.jid);

    store_put(m, &name, spec);
    j->spec_hash = *hash;
    if (j->spec) {
        m->cached -= j->spec_len;
        free(STEAL(j->spec));
    }
    copy_keep(m, &j->spec, &j->spec_len, spec);
}

void store_result_put(struct mesh *m, struct job *j, struct span result, const struct id *hash)
{
    struct store_name name = store_name_id(STORE_RESULT, &j->r.jid);

    if (result.len == 0)
        return;
    store_put(m, &name, result);
    j->result_hash = *hash;
    if (j->result) {
        m->cached -= j->result_len;
        free(STEAL(j->result));
    }
    copy_keep(m, &j->result, &j->result_len, result);
}

void store_forget_copies(struct mesh *m, struct job *j)
{
    if (j->spec)
        m->cached -= j->spec_len;
    if (j->result)
        m->cached -= j->result_len;
    free(STEAL(j->spec));
    free(STEAL(j->result));
}

/* What the blob must be, as things are now. */
static struct id read_wants(const struct mesh *m, const struct read *r)
{
    const struct job *j = job_find(m, &r->jid);

    if (!j || !j->r.origin)
        return (struct id){0};
    if (!r->result)
        return j->r.origin->spec_hash;
    return j->r.decided ? j->r.final.hash : j->r.v.term.hash;
}

static void read_ask(struct mesh *m, struct read *r, enum store_key kind)
{
    struct store_name name = store_name_id(kind, &r->jid);
    struct mesh_effect *e = effect_add(&m->fx, MESH_FX_READ, EFFECT_NOW);

    r->number = ++m->next_read;
    map_set(m->reads, &r->number, sizeof(r->number), r);
    m->pushes += r->kind == READ_PUSH;
    e->read.read = r->number;
    e->read.klen = name.len;
    memcpy(e->read.key, name.at, name.len);
}

void store_read(struct mesh *m, struct job *j, const struct read *what)
{
    struct span copy = what->result ? (struct span){j->result, j->result_len}
                                    : (struct span){j->spec, j->spec_len};
    struct read *r = own_memdup(what, sizeof(*what));

    r->jid = j->r.jid;
    r->hash = read_wants(m, r);
    if (copy.data) {
        blob_use(m, r, 0, copy);
        free(r);
        return;
    }

    read_ask(m, r, what->result ? STORE_RESULT : STORE_SPEC);
}

void store_scrub(struct mesh *m, const struct job *j, enum store_key kind)
{
    struct read *r = own_calloc(1, sizeof(*r));

    r->kind = READ_SCRUB;
    r->scrubbed = (char)kind;
    r->jid = j->r.jid;
    read_ask(m, r, kind);
}

bool store_rewrite(struct mesh *m, const struct job *j, enum store_key kind)
{
    struct store_name name = store_name_id(kind, &j->r.jid);
    struct span copy = kind == STORE_RESULT ? (struct span){j->result, j->result_len}
                                            : (struct span){j->spec, j->spec_len};

    if (copy.data)
        store_put(m, &name, copy);
    return copy.data != NULL;
}

/*
 * A blob under a job's name may be of an end that came to nothing, or of a request that lost to
 * another with the same key: it is only what was asked for when it has the right hash.
 */
static void read_finish(struct mesh *m, const struct read *r, int status, struct span bytes)
{
    struct id now = read_wants(m, r);
    struct id got = status == 0 ? record_blob_hash(bytes) : (struct id){0};

    if (status == 0 && !id_is_zero(&now) && !id_eq(&got, &now)) {
        if (!id_eq(&now, &r->hash)) {
            store_read(m, job_find(m, &r->jid), r);
            return;
        }
        status = -EIO;
    }
    blob_use(m, r, status, bytes);
}

void store_read_done(struct mesh *m, const struct mesh_event *e)
{
    auto_free struct read *r = map_del(m->reads, &e->read.read, sizeof(e->read.read));
    struct span bytes = {0};
    int status = e->read.status;

    if (!r)
        return;
    m->pushes -= r->kind == READ_PUSH;
    if (status == 0 && store_unseal(e->read.value, &bytes) != 0)
        status = -EIO;
    if (r->kind == READ_SCRUB)
        scrub_read(m, r, status);
    else
        read_finish(m, r, status, bytes);
}
