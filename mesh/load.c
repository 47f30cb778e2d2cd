/* SPDX-License-Identifier: MPL-2.0 */
#include "mesh/load.h"

#include "base/hash.h"
#include "base/map.h"
#include "base/own.h"
#include "mesh/timing.h"

#include <assert.h>

/*
 * How this works: one struct load_peer for each peer that was added. They stand in a list by
 * when their last news came, so that the freshest are the first to be passed on, and in sets,
 * so that a choice costs what is chosen and not what is known. Those that have told this node
 * of work stand in a line until their own word is that nothing waits there any more.
 */
enum load_set { SET_ALL, SET_FREE, SET_BUSY, SET_N };

struct load_peer {
    struct load_entry e;
    bool known;             /* it has said something since it was added */
    bool lined;             /* in the line */
    uint32_t told;          /* the tale it was told last */
    uint32_t places[SET_N]; /* in each set, counted from 1; 0 = not in it */
    struct load_peer *fresher;
    struct load_peer *staler;
};

struct load_peers {
    struct load_peer **at; /* owned */
    uint32_t n, cap;
};

struct load {
    struct load_entry self;
    struct load_peers sets[SET_N]; /* in no order */
    struct load_peers line;        /* of hints, the oldest first */
    uint32_t tale;
    struct map *by_nid;
    struct load_peer *freshest;
};

enum {
    LOAD_BOOT_SHIFT = 20, /* numbers a life may use before it meets the next one's */
    LOAD_MEAN_SHIFT = 3,
    LOAD_JITTER_PERCENT = 20,
    LOAD_SET_FIRST = 16,
};

struct load *load_new(const struct id *self, uint64_t boot, uint64_t seed)
{
    struct load *l = own_calloc(1, sizeof(*l));

    l->self.nid = *self;
    l->self.seq = (uint32_t)(boot << LOAD_BOOT_SHIFT);
    l->self.top = LIMIT_PRIORITIES;
    l->tale = 1;
    l->by_nid = map_new(seed);
    return l;
}

void load_free(struct load *l)
{
    if (!l)
        return;
    for (uint32_t i = 0; i < l->sets[SET_ALL].n; i++)
        free(l->sets[SET_ALL].at[i]);
    for (int set = 0; set < SET_N; set++)
        free(l->sets[set].at);
    free(l->line.at);
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

static void peers_push(struct load_peers *set, struct load_peer *p)
{
    if (set->n == set->cap) {
        set->cap = set->cap ? 2 * set->cap : LOAD_SET_FIRST;
        set->at = own_realloc(set->at, set->cap * sizeof(struct load_peer *));
    }
    set->at[set->n++] = p;
}

static void set_swap(struct load *l, enum load_set set, uint32_t i, uint32_t j)
{
    struct load_peer **at = l->sets[set].at;
    struct load_peer *p = at[i];

    at[i] = at[j];
    at[j] = p;
    at[i]->places[set] = i + 1;
    at[j]->places[set] = j + 1;
}

static void set_keep(struct load *l, enum load_set set, struct load_peer *p, bool in)
{
    if (in == (p->places[set] > 0))
        return;
    if (in) {
        peers_push(&l->sets[set], p);
        p->places[set] = l->sets[set].n;
        return;
    }
    set_swap(l, set, p->places[set] - 1, l->sets[set].n - 1);
    l->sets[set].n--;
    p->places[set] = 0;
}

static void line_leave(struct load *l, struct load_peer *p)
{
    uint32_t left = 0;

    if (!p->lined)
        return;
    p->lined = false;
    for (uint32_t i = 0; i < l->line.n; i++)
        if (l->line.at[i] != p)
            l->line.at[left++] = l->line.at[i];
    l->line.n = left;
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

/* After every change of what is known of it. */
static void peer_sort(struct load *l, struct load_peer *p)
{
    set_keep(l, SET_FREE, p, p->known && p->e.free > 0 && takes_work(p));
    set_keep(l, SET_BUSY, p, p->known && waiting(&p->e) > 0);
    if (!p->places[SET_BUSY])
        line_leave(l, p);
}

void load_add(struct load *l, const struct id *nid)
{
    struct load_peer *p;

    if (id_eq(nid, &l->self.nid) || peer_get(l, nid) || l->sets[SET_ALL].n >= LIMIT_NODES)
        return;
    p = own_calloc(1, sizeof(*p));
    p->e.nid = *nid;
    p->e.top = LIMIT_PRIORITIES;
    set_keep(l, SET_ALL, p, true);
    map_set(l->by_nid, p->e.nid.b, sizeof(p->e.nid.b), p);
}

void load_remove(struct load *l, const struct id *nid)
{
    struct load_peer *p = map_del(l->by_nid, nid->b, sizeof(nid->b));

    if (!p)
        return;
    unlink_peer(l, p);
    line_leave(l, p);
    for (int set = 0; set < SET_N; set++)
        set_keep(l, (enum load_set)set, p, false);
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
    peer_sort(l, p);
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

    if (!p)
        return;
    p->e.free = n < p->e.free ? (uint8_t)(p->e.free - n) : 0;
    peer_sort(l, p);
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

/* Tells up to `n` random ones of the set that were not told yet; returns how many. */
static uint32_t tell(struct load *l, enum load_set set, struct rng *rng, struct id *ret_peers,
                     uint32_t n)
{
    struct load_peers *all = &l->sets[set];
    uint32_t told = 0;

    for (uint32_t i = 0; i < all->n && told < n; i++) {
        struct load_peer *p;

        set_swap(l, set, i, i + (uint32_t)rng_below(rng, all->n - i));
        p = all->at[i];
        if (p->told == l->tale || !takes_work(p))
            continue;
        p->told = l->tale;
        ret_peers[told++] = p->e.nid;
    }
    return told;
}

uint32_t load_hint_peers(struct load *l, struct rng *rng, struct id *ret_peers, uint32_t n)
{
    uint32_t told = tell(l, SET_FREE, rng, ret_peers, n);

    return told + tell(l, SET_ALL, rng, ret_peers + told, n - told);
}

void load_hint_anew(struct load *l)
{
    l->tale++;
}

void load_hinted(struct load *l, const struct id *nid)
{
    struct load_peer *p = peer_get(l, nid);

    if (!p || p->lined || !p->places[SET_BUSY])
        return;
    p->lined = true;
    peers_push(&l->line, p);
}

void load_hint_used(struct load *l, const struct id *nid)
{
    struct load_peer *p = peer_get(l, nid);

    if (p)
        line_leave(l, p);
}

bool load_hint(const struct load *l, struct id *ret_peer)
{
    const struct load_peer *best = l->line.n ? l->line.at[0] : NULL;

    for (uint32_t i = 1; i < l->line.n; i++)
        if (l->line.at[i]->e.top < best->e.top)
            best = l->line.at[i];
    if (best)
        *ret_peer = best->e.nid;
    return best != NULL;
}

bool load_victim(struct load *l, struct rng *rng, const struct id *not_this, struct id *ret_peer)
{
    const struct load_peers *busy = &l->sets[SET_BUSY];
    const struct load_entry *best = NULL;

    for (uint32_t i = 0, drawn = 0; i < busy->n && drawn < 2; i++) {
        const struct load_entry *e;

        set_swap(l, SET_BUSY, i, i + (uint32_t)rng_below(rng, busy->n - i));
        e = &busy->at[i]->e;
        if (not_this && id_eq(&e->nid, not_this))
            continue;
        drawn++;
        if (!best || e->top < best->top || (e->top == best->top && waiting(e) > waiting(best)))
            best = e;
    }
    if (best)
        *ret_peer = best->nid;
    return best != NULL;
}

uint32_t load_waiting(const struct load *l, const struct id *nid)
{
    const struct load_entry *e = load_get(l, nid);

    return e ? waiting(e) : 0;
}

bool load_has_surplus(const struct load *l)
{
    const struct load_peers *busy = &l->sets[SET_BUSY];

    for (uint32_t i = 0; i < busy->n; i++)
        if (waiting(&busy->at[i]->e) > busy->at[i]->e.free)
            return true;
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

static void peer_check(const struct load *l, const struct load_peer *p)
{
    assert(p->e.top <= LIMIT_PRIORITIES && peer_get(l, &p->e.nid) == p);
    assert((p->places[SET_FREE] > 0) == (p->known && p->e.free > 0 && takes_work(p)));
    assert((p->places[SET_BUSY] > 0) == (p->known && waiting(&p->e) > 0));
    assert(!p->lined || p->places[SET_BUSY]);
}

void load_check(const struct load *l)
{
    uint32_t listed = 0;
    uint32_t known = 0;
    uint32_t lined = 0;

    assert(map_len(l->by_nid) == l->sets[SET_ALL].n && l->sets[SET_ALL].n <= LIMIT_NODES);
    for (int set = 0; set < SET_N; set++)
        for (uint32_t i = 0; i < l->sets[set].n; i++)
            assert(l->sets[set].at[i]->places[set] == i + 1);
    for (uint32_t i = 0; i < l->sets[SET_ALL].n; i++) {
        peer_check(l, l->sets[SET_ALL].at[i]);
        known += l->sets[SET_ALL].at[i]->known;
        lined += l->sets[SET_ALL].at[i]->lined;
    }
    for (const struct load_peer *p = l->freshest; p; p = p->staler) {
        assert(p->known && (!p->staler || p->staler->fresher == p));
        listed++;
    }
    assert(listed == known && lined == l->line.n);
}
