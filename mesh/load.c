/* SPDX-License-Identifier: MPL-2.0 */
#include "mesh/load.h"

#include "base/hash.h"
#include "base/map.h"
#include "base/own.h"
#include "mesh/timing.h"

#include <assert.h>

/*
 * How this works: one struct load_peer for each peer that was added. They stand in an array,
 * to draw from at random, and in a list by when their last news came, so that the freshest
 * are the first to be passed on.
 */
struct load_peer {
    struct load_entry e;
    bool known; /* it has said something since it was added */
    uint32_t at;
    struct load_peer *fresher;
    struct load_peer *staler;
};

struct load {
    struct load_entry self;
    struct load_peer **peers;
    uint32_t n;
    uint32_t cap;
    struct map *by_nid;
    struct load_peer *freshest;
};

enum {
    LOAD_BOOT_SHIFT = 20, /* numbers a life may use before it meets the next one's */
    LOAD_MEAN_SHIFT = 3,
    LOAD_JITTER_PERCENT = 20,
};

struct load *load_new(const struct id *self, uint64_t boot, uint64_t seed)
{
    struct load *l = own_calloc(1, sizeof(*l));

    l->self.nid = *self;
    l->self.seq = (uint32_t)(boot << LOAD_BOOT_SHIFT);
    l->self.top = LIMIT_PRIORITIES;
    l->by_nid = map_new(seed);
    return l;
}

void load_free(struct load *l)
{
    if (!l)
        return;
    for (uint32_t i = 0; i < l->n; i++)
        free(l->peers[i]);
    free(l->peers);
    map_free(l->by_nid);
    free(l);
}

static struct load_peer *peer_get(const struct load *l, const struct id *nid)
{
    return map_get(l->by_nid, nid->b, sizeof(nid->b));
}

static void unlink_peer(struct load *l, struct load_peer *p)
{
    if (p->fresher)
        p->fresher->staler = p->staler;
    else if (l->freshest == p)
        l->freshest = p->staler;
    if (p->staler)
        p->staler->fresher = p->fresher;
    p->fresher = p->staler = NULL;
}

static void link_first(struct load *l, struct load_peer *p)
{
    p->staler = l->freshest;
    if (l->freshest)
        l->freshest->fresher = p;
    l->freshest = p;
}

void load_add(struct load *l, const struct id *nid)
{
    struct load_peer *p;

    if (id_eq(nid, &l->self.nid) || peer_get(l, nid) || l->n >= LIMIT_NODES)
        return;
    if (l->n == l->cap) {
        l->cap = l->cap ? 2 * l->cap : 16;
        l->peers = own_realloc(l->peers, l->cap * sizeof(struct load_peer *));
    }
    p = own_calloc(1, sizeof(*p));
    p->e.nid = *nid;
    p->e.top = LIMIT_PRIORITIES;
    p->at = l->n;
    l->peers[l->n++] = p;
    map_set(l->by_nid, p->e.nid.b, sizeof(p->e.nid.b), p);
}

void load_remove(struct load *l, const struct id *nid)
{
    struct load_peer *p = map_del(l->by_nid, nid->b, sizeof(nid->b));

    if (!p)
        return;
    unlink_peer(l, p);
    l->peers[p->at] = l->peers[--l->n];
    l->peers[p->at]->at = p->at;
    free(p);
}

static uint8_t *put_be(uint8_t *at, uint32_t v, unsigned bytes)
{
    for (unsigned i = bytes; i > 0; i--)
        *at++ = (uint8_t)(v >> (8 * (i - 1)));
    return at;
}

static uint32_t get_be(const uint8_t **at, unsigned bytes)
{
    uint32_t v = 0;

    while (bytes--)
        v = v << 8 | *(*at)++;
    return v;
}

/* nid 16 | seq 4 | free 1 | flags 4 bits, top 4 bits | run_ms 2 | queued 2 each */
static void pack(const struct load_entry *e, uint8_t out[LOAD_ENTRY_SIZE])
{
    uint8_t *at = out;

    memcpy(at, e->nid.b, ID_SIZE);
    at = put_be(at + ID_SIZE, e->seq, 4);
    at = put_be(at, e->free, 1);
    at = put_be(at, (uint32_t)e->flags << 4 | (e->top & 15u), 1);
    at = put_be(at, e->run_ms, 2);
    for (unsigned c = 0; c < LIMIT_PRIORITIES; c++)
        at = put_be(at, e->queued[c], 2);
    assert(at == out + LOAD_ENTRY_SIZE);
}

static struct load_entry unpack(const uint8_t in[LOAD_ENTRY_SIZE])
{
    struct load_entry e = {0};
    const uint8_t *at = in + ID_SIZE;
    uint32_t both;

    memcpy(e.nid.b, in, ID_SIZE);
    e.seq = get_be(&at, 4);
    e.free = (uint8_t)get_be(&at, 1);
    both = get_be(&at, 1);
    e.flags = (uint8_t)(both >> 4);
    e.top = (both & 15) < LIMIT_PRIORITIES ? (uint8_t)(both & 15) : LIMIT_PRIORITIES;
    e.run_ms = (uint16_t)get_be(&at, 2);
    for (unsigned c = 0; c < LIMIT_PRIORITIES; c++)
        e.queued[c] = (uint16_t)get_be(&at, 2);
    return e;
}

static bool same(const struct load_entry *a, const struct load_entry *b)
{
    uint8_t x[LOAD_ENTRY_SIZE];
    uint8_t y[LOAD_ENTRY_SIZE];

    pack(a, x);
    pack(b, y);
    return memcmp(x, y, sizeof(x)) == 0;
}

static bool is_newer(uint32_t a, uint32_t b)
{
    return a != b && a - b < UINT32_C(1) << 31;
}

bool load_set_self(struct load *l, const struct load_entry *e)
{
    struct load_entry next = *e;

    next.nid = l->self.nid;
    next.seq = l->self.seq;
    if (same(&next, &l->self))
        return false;
    next.seq++;
    l->self = next;
    return true;
}

bool load_merge(struct load *l, const struct load_entry *e)
{
    struct load_peer *p;

    if (id_eq(&e->nid, &l->self.nid)) {
        /* A number of an earlier life, still going round: ours must be over it. */
        if (is_newer(e->seq, l->self.seq) || (e->seq == l->self.seq && !same(e, &l->self)))
            l->self.seq = e->seq + 1;
        return false;
    }
    p = peer_get(l, &e->nid);
    if (!p || (p->known && !is_newer(e->seq, p->e.seq)))
        return false;
    p->e = *e;
    p->known = true;
    unlink_peer(l, p);
    link_first(l, p);
    return true;
}

const struct load_entry *load_get(const struct load *l, const struct id *nid)
{
    const struct load_peer *p;

    if (id_eq(nid, &l->self.nid))
        return &l->self;
    p = peer_get(l, nid);
    return p && p->known ? &p->e : NULL;
}

void load_spend(struct load *l, const struct id *nid, uint32_t n)
{
    struct load_peer *p = peer_get(l, nid);

    if (p)
        p->e.free = n < p->e.free ? (uint8_t)(p->e.free - n) : 0;
}

void load_put(const struct load *l, struct buf *out)
{
    uint8_t packed[LOAD_MAX_SENT * LOAD_ENTRY_SIZE];
    size_t len = LOAD_ENTRY_SIZE;

    pack(&l->self, packed);
    for (const struct load_peer *p = l->freshest; p && len < sizeof(packed); p = p->staler) {
        pack(&p->e, packed + len);
        len += LOAD_ENTRY_SIZE;
    }
    wire_put_bin(out, packed, len);
}

void load_put_self(const struct load *l, struct buf *out)
{
    uint8_t packed[LOAD_ENTRY_SIZE];

    pack(&l->self, packed);
    wire_put_bin(out, packed, sizeof(packed));
}

uint32_t load_get_all(struct load *l, struct wire_reader *r)
{
    struct span s = wire_get_bin(r, (size_t)LOAD_MAX_SENT * LOAD_ENTRY_SIZE);
    uint32_t news = 0;

    if (s.len % LOAD_ENTRY_SIZE)
        r->bad = true;
    if (r->bad)
        return 0;
    /* Stalest first, so that those the sender held freshest end up freshest here. */
    for (size_t at = s.len; at > 0; at -= LOAD_ENTRY_SIZE) {
        struct load_entry e = unpack(s.data + at - LOAD_ENTRY_SIZE);

        if (load_merge(l, &e))
            news++;
    }
    return news;
}

static uint32_t waiting(const struct load_entry *e)
{
    uint32_t sum = 0;

    for (unsigned c = 0; c < LIMIT_PRIORITIES; c++)
        sum += e->queued[c];
    return sum;
}

static bool takes_work(const struct load_peer *p)
{
    return !(p->e.flags & (LOAD_DRAINING | LOAD_DEGRADED));
}

/* Moves `want` random ones of at[0..n) to the front; returns how many there are. */
static uint32_t draw(struct rng *rng, struct load_peer **at, uint32_t n, uint32_t want)
{
    if (want > n)
        want = n;
    for (uint32_t i = 0; i < want; i++) {
        uint32_t j = i + (uint32_t)rng_below(rng, n - i);
        struct load_peer *p = at[i];

        at[i] = at[j];
        at[j] = p;
    }
    return want;
}

uint32_t load_hint_peers(const struct load *l, struct rng *rng, struct id *ret_peers, uint32_t n)
{
    struct load_peer *set[LIMIT_NODES];
    uint32_t drawn = 0;

    /* Those believed free, then the rest. */
    for (int pass = 0; pass < 2 && drawn < n; pass++) {
        uint32_t found = 0;
        uint32_t got;

        for (uint32_t i = 0; i < l->n; i++) {
            bool is_free = l->peers[i]->known && l->peers[i]->e.free > 0;

            if (takes_work(l->peers[i]) && is_free == (pass == 0))
                set[found++] = l->peers[i];
        }
        got = draw(rng, set, found, n - drawn);
        for (uint32_t i = 0; i < got; i++)
            ret_peers[drawn++] = set[i]->e.nid;
    }
    return drawn;
}

bool load_victim(const struct load *l, struct rng *rng, const struct id *not_this,
                 struct id *ret_peer)
{
    struct load_peer *set[LIMIT_NODES];
    uint32_t found = 0;
    uint32_t got;
    const struct load_entry *best;

    for (uint32_t i = 0; i < l->n; i++) {
        const struct load_entry *e = &l->peers[i]->e;

        if (l->peers[i]->known && waiting(e) && !(not_this && id_eq(&e->nid, not_this)))
            set[found++] = l->peers[i];
    }
    got = draw(rng, set, found, 2);
    if (got == 0)
        return false;
    best = &set[0]->e;
    if (got == 2) {
        const struct load_entry *other = &set[1]->e;

        if (other->top < best->top || (other->top == best->top && waiting(other) > waiting(best)))
            best = other;
    }
    *ret_peer = best->nid;
    return true;
}

bool load_has_surplus(const struct load *l)
{
    for (uint32_t i = 0; i < l->n; i++) {
        const struct load_peer *p = l->peers[i];

        if (p->known && waiting(&p->e) > p->e.free)
            return true;
    }
    return false;
}

uint16_t load_run_ms(uint16_t mean_ms, uint64_t run_ms)
{
    uint32_t run = run_ms > UINT16_MAX ? UINT16_MAX : (uint32_t)run_ms;
    uint32_t weighted = ((uint32_t)mean_ms << LOAD_MEAN_SHIFT) - mean_ms + run;

    if (mean_ms == 0)
        return (uint16_t)run;
    return (uint16_t)((weighted + (1u << (LOAD_MEAN_SHIFT - 1))) >> LOAD_MEAN_SHIFT);
}

static void poll_at(struct load_poll *p, struct rng *rng, uint64_t now_ns)
{
    uint64_t us = (uint64_t)p->interval_ms * 1000;
    uint64_t jitter = us * LOAD_JITTER_PERCENT / 100;

    p->next_ns = now_ns + rng_between(rng, us - jitter, us + jitter) * 1000;
}

void load_poll_stop(struct load_poll *p)
{
    p->next_ns = UINT64_MAX;
    p->interval_ms = 0;
}

void load_poll_start(struct load_poll *p, struct rng *rng, uint64_t now_ns)
{
    if (p->interval_ms)
        return;
    p->interval_ms = TIMING_STEAL_POLL;
    poll_at(p, rng, now_ns);
}

void load_poll_again(struct load_poll *p, bool surplus, struct rng *rng, uint64_t now_ns)
{
    p->interval_ms = surplus || !p->interval_ms ? TIMING_STEAL_POLL : 2 * p->interval_ms;
    if (p->interval_ms > TIMING_STEAL_POLL_MAX)
        p->interval_ms = TIMING_STEAL_POLL_MAX;
    poll_at(p, rng, now_ns);
}

uint64_t load_digest(const struct load *l)
{
    uint8_t packed[LOAD_ENTRY_SIZE];
    uint64_t sums[2];

    pack(&l->self, packed);
    sums[0] = hash64(packed, sizeof(packed));
    for (const struct load_peer *p = l->freshest; p; p = p->staler) {
        pack(&p->e, packed);
        sums[1] = hash64(packed, sizeof(packed));
        sums[0] = hash64(sums, sizeof(sums));
    }
    return sums[0];
}

void load_check(const struct load *l)
{
    uint32_t listed = 0;
    uint32_t known = 0;

    assert(map_len(l->by_nid) == l->n && l->n <= LIMIT_NODES);
    for (uint32_t i = 0; i < l->n; i++) {
        assert(l->peers[i]->at == i && l->peers[i]->e.top <= LIMIT_PRIORITIES);
        assert(peer_get(l, &l->peers[i]->e.nid) == l->peers[i]);
        known += l->peers[i]->known;
    }
    for (const struct load_peer *p = l->freshest; p; p = p->staler) {
        assert(p->known && (!p->staler || p->staler->fresher == p));
        listed++;
    }
    assert(listed == known);
}
