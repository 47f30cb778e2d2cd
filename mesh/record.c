/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works: encodings are flat msgpack arrays, one per struct, in the order of the
 * struct. Joins are written so that each component can be read next to its law in the
 * header; tests/mesh/test_record.c draws random triples and checks the laws.
 */
#include "mesh/record.h"

#include "base/hash.h"
#include "mesh/field.h"
#include "mesh/mutant.h"
#include "mesh/result.h"

#include <assert.h>
#include <errno.h>

enum {
    VALUE_MORE = 3,
    FIELDS_RECORD = 9,
    FIELDS_RECORD_UNTOLD = 8, /* before there was `told`: disks may have such */
};

int ballot_cmp(const struct ballot *a, const struct ballot *b)
{
    if (a->epoch != b->epoch)
        return a->epoch < b->epoch ? -1 : 1;
    return id_cmp(&a->nid, &b->nid);
}

int record_acc_cmp(const struct record *a, const struct record *b)
{
    int by_ballot = ballot_cmp(&a->acc, &b->acc);

    if (by_ballot != 0 || a->ver == b->ver)
        return by_ballot;
    return a->ver < b->ver ? -1 : 1;
}

void record_init(struct record *r, const struct id *jid)
{
    memset(r, 0, sizeof(*r));
    r->jid = *jid;
}

void record_done(struct record *r)
{
    free(r->origin);
    r->origin = NULL;
}

void record_copy(const struct record *src, struct record *ret_record)
{
    *ret_record = *src;
    if (src->origin)
        ret_record->origin = origin_copy(src->origin);
}

/* ---- encoding ---- */

void ballot_put(struct buf *b, const struct ballot *v)
{
    wire_put_uint(b, v->epoch);
    wire_put_id(b, &v->nid);
}

struct ballot ballot_get(struct wire_reader *w)
{
    struct ballot v = {.epoch = wire_get_uint(w, UINT64_MAX)};

    v.nid = wire_get_id(w);
    return v;
}

static const struct field term_fields[] = {
    FIELD_MAX(struct term, end, RECORD_CANCELLED),
    FIELD_MAX(struct term, verdict, RESULT_VERDICT_N - 1),
    FIELD(struct term, hash),
    FIELD_MAX(struct term, len, LIMIT_RESULT),
    FIELD(struct term, started_ms),
    FIELD(struct term, finished_ms),
    FIELD(struct term, node),
    FIELD(struct term, reason),
};
static const struct field_table term_table = FIELD_TABLE(struct term, term_fields);

/* Its sets and its end follow. */
static const struct field value_fields[] = {
    FIELD_MAX(struct value, phase, RECORD_TERMINAL),
    FIELD(struct value, running),
    FIELD(struct value, attempt),
    FIELD(struct value, failures),
    FIELD(struct value, broken),
    FIELD(struct value, delay_ms),
    FIELD(struct value, not_before_ms),
    FIELD(struct value, gen),
};
static const struct field_table value_table = FIELD_TABLE(struct value, value_fields);

static void set_put(struct buf *b, const struct id *set, uint32_t n)
{
    wire_put_array(b, n);
    for (uint32_t i = 0; i < n; i++)
        wire_put_id(b, &set[i]);
}

static uint8_t set_get(struct wire_reader *w, struct id *set)
{
    uint32_t n = wire_get_array(w, LIMIT_REPLICAS);

    if (w->bad)
        return 0;
    for (uint32_t i = 0; i < n; i++)
        set[i] = wire_get_id(w);
    return (uint8_t)n;
}

static void value_put(struct buf *b, const struct value *v)
{
    field_put_more(b, &value_table, VALUE_MORE, v);
    set_put(b, v->rset, v->n_rset);
    set_put(b, v->prev, v->n_prev);
    if (v->phase == RECORD_TERMINAL)
        field_put_more(b, &term_table, 0, &v->term);
    else
        wire_put_nil(b);
}

static void value_get(struct wire_reader *w, struct value *v)
{
    field_get_more(w, &value_table, VALUE_MORE, v);
    v->n_rset = set_get(w, v->rset);
    v->n_prev = set_get(w, v->prev);
    if (v->phase == RECORD_TERMINAL)
        field_get_more(w, &term_table, 0, &v->term);
    else if (!wire_get_nil(w))
        w->bad = true;
    if (v->n_rset == 0 || (v->phase == RECORD_TERMINAL) != (v->term.end != RECORD_NOT_ENDED))
        w->bad = true;
}

int record_encode(const struct record *r, struct buf *out)
{
    wire_put_array(out, FIELDS_RECORD);
    wire_put_id(out, &r->jid);
    ballot_put(out, &r->promised);
    ballot_put(out, &r->acc);
    wire_put_uint(out, r->ver);
    if (r->acc.epoch > 0)
        value_put(out, &r->v);
    else
        wire_put_nil(out);
    wire_put_bool(out, r->cancel);
    wire_put_bool(out, r->told);
    if (r->decided)
        field_put_more(out, &term_table, 0, &r->final);
    else
        wire_put_nil(out);
    if (r->origin)
        origin_put(out, r->origin);
    else
        wire_put_nil(out);
    return out->full ? -E2BIG : 0;
}

static void record_get(struct wire_reader *w, struct record *r)
{
    uint32_t n = wire_get_array(w, FIELDS_RECORD);

    w->bad = w->bad || (n != FIELDS_RECORD && n != FIELDS_RECORD_UNTOLD);
    r->jid = wire_get_id(w);
    r->promised = ballot_get(w);
    r->acc = ballot_get(w);
    r->ver = (uint32_t)wire_get_uint(w, UINT32_MAX);
    if (!wire_get_nil(w))
        value_get(w, &r->v);
    r->cancel = wire_get_bool(w);
    r->told = n == FIELDS_RECORD && wire_get_bool(w);
    r->decided = !wire_get_nil(w) && !w->bad;
    if (r->decided)
        field_get_more(w, &term_table, 0, &r->final);
    if (!wire_get_nil(w) && !w->bad)
        r->origin = origin_get(w);
}

/* The parts agree with each other. */
static bool record_sane(const struct record *r)
{
    bool accepted = r->acc.epoch > 0;

    return accepted == (r->v.n_rset > 0) && (!accepted || (r->ver > 0 && r->origin)) &&
           (!r->decided || (r->origin && r->final.end != RECORD_NOT_ENDED)) &&
           ballot_cmp(&r->promised, &r->acc) >= 0 && !id_is_zero(&r->jid);
}

int record_decode(struct wire_reader *w, struct record *ret_record)
{
    memset(ret_record, 0, sizeof(*ret_record));
    record_get(w, ret_record);
    if (!w->bad && record_sane(ret_record))
        return 0;
    record_done(ret_record);
    return -EBADMSG;
}

/* ---- join ---- */

void record_take_origin(struct record *dst, const struct record *src)
{
    struct origin *copy;

    if (!src->origin)
        return;
    copy = origin_copy(src->origin);
    free(dst->origin);
    dst->origin = copy;
}

static int accept_join(struct record *dst, const struct record *src)
{
    if (src->acc.epoch == 0 || record_acc_cmp(src, dst) <= 0)
        return 0;
    /* Once decided, no ballot can say anything else: what is promised does not matter. */
    if (!src->decided && ballot_cmp(&src->acc, &dst->promised) < 0)
        return 0;
    dst->acc = src->acc;
    dst->ver = src->ver;
    dst->v = src->v;
    record_take_origin(dst, src);
    if (ballot_cmp(&dst->promised, &dst->acc) < 0)
        dst->promised = dst->acc;
    return RECORD_ACCEPTED;
}

int record_join(struct record *dst, const struct record *src)
{
    int changed = 0;

    if (dst->decided && src->decided && !term_eq(&dst->final, &src->final))
        return -EPROTO;
    changed |= accept_join(dst, src);
    if (ballot_cmp(&src->promised, &dst->promised) > 0) {
        dst->promised = src->promised;
        changed |= RECORD_PROMISED;
    }
    if (src->cancel && !dst->cancel) {
        dst->cancel = true;
        changed |= RECORD_CANCEL;
    }
    if (src->told && !dst->told) {
        dst->told = true;
        changed |= RECORD_TOLD;
    }
    if (src->decided && !dst->decided) {
        dst->decided = true;
        dst->final = src->final;
        if (!dst->origin)
            record_take_origin(dst, src);
        changed |= RECORD_DECIDED;
    }
    return changed;
}

/* ---- small questions ---- */

static uint64_t encoded_hash(const struct buf *b)
{
    return b->len > 0 ? hash64(b->data, b->len) : 0;
}

uint64_t term_hash(const struct term *t)
{
    struct buf b;

    buf_init(&b, RECORD_MAX);
    field_put_more(&b, &term_table, 0, t);
    uint64_t h = encoded_hash(&b);
    buf_done(&b);
    return h;
}

uint64_t value_hash(const struct value *v)
{
    struct buf b;

    buf_init(&b, RECORD_MAX);
    value_put(&b, v);
    uint64_t h = encoded_hash(&b);
    buf_done(&b);
    return h;
}

bool term_eq(const struct term *a, const struct term *b)
{
    return a->end == b->end && a->verdict == b->verdict && a->len == b->len &&
           id_eq(&a->hash, &b->hash) && a->started_ms == b->started_ms &&
           a->finished_ms == b->finished_ms && strcmp(a->node, b->node) == 0 &&
           strcmp(a->reason, b->reason) == 0;
}

static bool set_has(const struct id *set, uint32_t n, const struct id *nid)
{
    for (uint32_t i = 0; i < n; i++)
        if (id_eq(&set[i], nid))
            return true;
    return false;
}

bool value_has(const struct value *v, const struct id *nid)
{
    return set_has(v->rset, v->n_rset, nid) || set_has(v->prev, v->n_prev, nid);
}

static bool set_majority(const struct id *set, uint32_t n, record_has_fn *has, const void *ctx)
{
    uint32_t yes = 0;

    for (uint32_t i = 0; i < n; i++)
        yes += has(ctx, &set[i]) ? 1 : 0;
    return yes >= n / 2 + 1;
}

bool value_quorum(const struct value *v, record_has_fn *has, const void *ctx)
{
    if (!set_majority(v->rset, v->n_rset, has, ctx))
        return false;
    return MUTANT_NO_JOINT || v->n_prev == 0 || set_majority(v->prev, v->n_prev, has, ctx);
}

struct id record_blob_hash(struct span bytes)
{
    struct id out;
    uint64_t half[2] = {hash_sip(0x6172656e61626c6fULL, 1, bytes.data, bytes.len),
                        hash_sip(0x6172656e61626c6fULL, 2, bytes.data, bytes.len)};

    for (int i = 0; i < ID_SIZE; i++)
        out.b[i] = (uint8_t)(half[i / 8] >> (8 * (i % 8)));
    return out;
}

void record_check(const struct record *r)
{
    assert(record_sane(r));
    assert(r->v.n_rset <= LIMIT_REPLICAS && r->v.n_prev <= LIMIT_REPLICAS);
}
