/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works: a job id carries a number of its home that is never used twice. What was
 * purged of one home is a sorted list of intervals of such numbers, each stored under its
 * first number; neighbours melt together, so the list stays short as jobs come to their end.
 *
 * Whoever holds the decision of a job spreads it, and whoever finds that all hold it and that
 * its time is over says PURGE: it is a fact then, and nobody needs to own the job to say it.
 * One who missed that asks (repair.c) and is told.
 */
#include "mesh/purge.h"

#include "mesh/accept.h"
#include "mesh/frame.h"
#include "mesh/job.h"
#include "mesh/mutant.h"
#include "mesh/owed.h"
#include "mesh/peer.h"
#include "mesh/repair.h"
#include "mesh/store.h"
#include "mesh/timer.h"

enum { HOME_PREFIX = 4, PURGED_KEYS_MAX = 1000000 };

struct interval {
    uint64_t lo, hi;
};

struct purged_home {
    struct purged_home *next;
    uint8_t prefix[HOME_PREFIX];
    struct interval *at; /* owned, sorted, apart by more than one */
    size_t n, cap;
};

static uint64_t job_number(const struct id *jid)
{
    uint64_t high = 0;

    for (int i = 0; i < 4; i++)
        high = high << 8 | jid->b[8 + i];
    return (high & 0x3fffffff) << 12 | (uint64_t)(jid->b[6] & 0x0f) << 8 | jid->b[7];
}

static struct purged_home *home_find(const struct mesh *m, const uint8_t *prefix)
{
    struct purged_home *h = m->purged;

    while (h && memcmp(h->prefix, prefix, HOME_PREFIX) != 0)
        h = h->next;
    return h;
}

static struct purged_home *home_get(struct mesh *m, const uint8_t *prefix)
{
    struct purged_home *h = home_find(m, prefix);

    if (h)
        return h;
    h = own_calloc(1, sizeof(*h));
    memcpy(h->prefix, prefix, HOME_PREFIX);
    h->next = m->purged;
    m->purged = h;
    return h;
}

/* The first interval that ends at or after `n`. */
static size_t interval_from(const struct purged_home *h, uint64_t n)
{
    size_t lo = 0;
    size_t hi = h->n;

    while (lo < hi) {
        size_t mid = (lo + hi) / 2;

        if (h->at[mid].hi < n)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

bool purge_is(const struct mesh *m, const struct id *jid)
{
    if (id_job_is_keyed(jid))
        return map_get(m->purged_keys, jid->b, ID_SIZE) != NULL;

    const struct purged_home *h = home_find(m, jid->b + 12);
    uint64_t n = job_number(jid);
    size_t i = h ? interval_from(h, n) : 0;

    return h && i < h->n && h->at[i].lo <= n;
}

static struct store_name interval_name(const struct purged_home *h, uint64_t lo)
{
    uint8_t key[HOME_PREFIX + 8];

    memcpy(key, h->prefix, HOME_PREFIX);
    for (int i = 0; i < 8; i++)
        key[HOME_PREFIX + i] = (uint8_t)(lo >> (56 - 8 * i));
    return store_name_bytes(STORE_PURGED, key, sizeof(key));
}

static void interval_store(struct mesh *m, const struct purged_home *h, const struct interval *v)
{
    struct store_name name = interval_name(h, v->lo);
    struct buf b;

    buf_init(&b, LIMIT_KEY);
    wire_put_uint(&b, v->hi);
    store_put(m, &name, buf_span(&b));
    buf_done(&b);
}

static void interval_drop(struct mesh *m, struct purged_home *h, size_t i)
{
    struct store_name name = interval_name(h, h->at[i].lo);

    store_del(m, &name);
    h->n--;
    memmove(h->at + i, h->at + i + 1, (h->n - i) * sizeof(*h->at));
}

static void interval_insert(struct purged_home *h, size_t i, struct interval v)
{
    if (h->n == h->cap) {
        h->cap = h->cap ? h->cap * 2 : 8;
        h->at = own_realloc(h->at, h->cap * sizeof(*h->at));
    }
    memmove(h->at + i + 1, h->at + i, (h->n - i) * sizeof(*h->at));
    h->at[i] = v;
    h->n++;
}

static void number_add(struct mesh *m, const struct id *jid)
{
    struct purged_home *h = home_get(m, jid->b + 12);
    struct interval v = {job_number(jid), job_number(jid)};
    size_t i = interval_from(h, v.lo > 0 ? v.lo - 1 : 0);

    while (i < h->n && h->at[i].lo <= v.hi + 1) {
        v.lo = h->at[i].lo < v.lo ? h->at[i].lo : v.lo;
        v.hi = h->at[i].hi > v.hi ? h->at[i].hi : v.hi;
        interval_drop(m, h, i);
    }
    interval_insert(h, i, v);
    interval_store(m, h, &v);
}

struct id purge_body(const struct mesh *m, const struct id *jid)
{
    const struct id *body = map_get(m->purged_keys, jid->b, ID_SIZE);

    return body ? *body : (struct id){0};
}

static void key_set(struct mesh *m, const uint8_t *jid, const struct id *body)
{
    free(map_set(m->purged_keys, jid, ID_SIZE, own_memdup(body, sizeof(*body))));
}

static void key_add(struct mesh *m, const struct id *jid, const struct id *body)
{
    struct store_name name = store_name_id(STORE_PURGED_KEY, jid);

    if (map_len(m->purged_keys) >= PURGED_KEYS_MAX)
        return;
    key_set(m, jid->b, body);
    store_put(m, &name, (struct span){body->b, ID_SIZE});
}

void purge_load(struct mesh *m, struct span key, struct span bytes)
{
    struct wire_reader r;
    struct interval v = {0};

    if (key.data[0] == STORE_PURGED_KEY && key.len == 1 + ID_SIZE) {
        struct id body = {0};

        if (bytes.len == ID_SIZE)
            memcpy(body.b, bytes.data, ID_SIZE);
        key_set(m, key.data + 1, &body);
        return;
    }
    if (key.len != 1 + HOME_PREFIX + 8)
        return;
    for (int i = 0; i < 8; i++)
        v.lo = v.lo << 8 | key.data[1 + HOME_PREFIX + i];
    wire_reader_init(&r, bytes.data, bytes.len);
    v.hi = wire_get_uint(&r, UINT64_MAX);
    if (wire_reader_end(&r) != 0 || v.hi < v.lo)
        return;

    struct purged_home *h = home_get(m, key.data + 1);
    interval_insert(h, interval_from(h, v.lo), v);
}

void purge_done(struct mesh *m)
{
    while (m->purged) {
        struct purged_home *h = m->purged;

        m->purged = h->next;
        free(h->at);
        free(h);
    }
    for (struct map_item *it = map_first(m->purged_keys); it; it = map_next(it))
        free(map_value(it));
    map_free(m->purged_keys);
}

/* ---- forgetting ---- */

/* `body` is that of the request, for one who never had it. */
static void job_purge(struct mesh *m, struct job *j, struct id body)
{
    struct id jid = j->r.jid;
    struct store_name spec = store_name_id(STORE_SPEC, &jid);
    struct store_name result = store_name_id(STORE_RESULT, &jid);

    if (j->r.origin)
        memcpy(body.b, j->r.origin->head.body_hash, ID_SIZE);
    /* Who waits to make it anew is told why it is not made. */
    if (id_job_is_keyed(&jid))
        key_add(m, &jid, &body);
    else
        number_add(m, &jid);
    job_remove(m, j);
    store_record_del(m, j);
    store_del(m, &spec);
    store_del(m, &result);
}

void purge_tell(struct mesh *m, const struct id *jid, const struct id *to)
{
    struct id body = purge_body(m, jid);
    struct buf *b = peer_open(m, to, FRAME_PURGE, 0);

    wire_put_id(b, jid);
    wire_put_id(b, &body);
}

void purge_on_purge(struct mesh *m, const struct id *from, struct wire_reader *r)
{
    struct id jid = wire_get_id(r);
    struct id body = wire_get_id(r);
    struct job *j = r->bad ? NULL : job_find(m, &jid);

    (void)from;
    if (j)
        job_purge(m, j, body);
}

/* ---- keeping ---- */

static uint64_t keep_ns(const struct mesh *m, const struct job *j)
{
    uint64_t s =
        j->r.final.end == RECORD_COMPLETED ? m->cfg.retain_completed_s : m->cfg.retain_failed_s;

    if (j->r.origin && j->r.origin->head.retain_s > 0)
        s = j->r.origin->head.retain_s;
    if (owed_is(j) && s < OWED_KEEP_S)
        s = OWED_KEEP_S;
    return s * 1000 * STATE_MS;
}

void purge_order(struct mesh *m, struct job *j)
{
    uint64_t key = j->decided_ns + (owed_is(j) ? OWED_KEEP_S * 1000 * STATE_MS : 0);

    if (heap_has(&j->kept) && j->kept.key != key)
        heap_set(&m->kept, &j->kept, key);
}

/* There are too many, and it is the first to go: one that is owed only when there are twice as
 * many. */
static bool crowded(const struct mesh *m, const struct job *j)
{
    uint64_t most = (uint64_t)m->cfg.retain_count * (owed_is(j) ? 2 : 1);

    return most > 0 && m->kept.len > most && heap_min(&m->kept) == &j->kept;
}

void purge_begin(struct mesh *m, struct job *j)
{
    /* Also after a ballot for it that was won or lost: the others are to hear of it again. */
    j->push = true;
    j->take_due_ns = STATE_NEVER;
    accept_replicas(m, j);
    repair_watch(m, j);
    if (heap_has(&j->kept))
        return;
    heap_set(&m->kept, &j->kept, j->decided_ns);
    purge_order(m, j);
    if (m->cfg.retain_count > 0 && m->kept.len > m->cfg.retain_count) {
        struct job *oldest = HEAP_OWNER(heap_min(&m->kept), struct job, kept);

        timer_set(m, &oldest->timer, m->now.mono_ns);
    }
}

static bool purge_wanted(const struct mesh *m, const struct job *j)
{
    return crowded(m, j) || m->now.mono_ns >= j->decided_ns + keep_ns(m, j);
}

static bool purge_allowed(const struct mesh *m, const struct job *j)
{
    return MUTANT_PURGE_EARLY ? j->r.decided && j->r.v.n_prev == 0 : accept_everywhere(m, j);
}

void purge_progress(struct mesh *m, struct job *j)
{
    if (!purge_wanted(m, j) || !purge_allowed(m, j))
        return;
    for (uint32_t i = 0; i < j->n_replicas; i++)
        purge_tell(m, &j->r.jid, &j->replicas[i].nid);
    job_purge(m, j, (struct id){0});
}

void purge_due(struct mesh *m, struct job *j)
{
    accept_push(m, j);
    purge_progress(m, j);
}

uint64_t purge_next(const struct mesh *m, const struct job *j)
{
    uint64_t end = j->decided_ns + keep_ns(m, j);

    if (m->now.mono_ns >= end)
        end = STATE_NEVER; /* it waits for replicas now, and is looked at when they answer */
    return timer_min(accept_next(m, j), end);
}
