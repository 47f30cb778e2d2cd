/* SPDX-License-Identifier: MPL-2.0 */
#include "mesh/digest.h"

#include "base/hash.h"
#include "mesh/frame.h"
#include "mesh/job.h"
#include "mesh/peer.h"
#include "mesh/purge.h"
#include "mesh/timer.h"

enum { BUCKETS = 1024, KEYS_MAX = 4096, KEY_FIELDS = 5 };

static bool shared(const struct mesh *m, const struct job *j, const struct id *peer)
{
    return !j->damaged && j->r.acc.epoch > 0 && value_has(&j->r.v, &m->cfg.nid) &&
           value_has(&j->r.v, peer);
}

static uint32_t bucket_of(const struct id *jid)
{
    return (uint32_t)(hash64(jid->b, ID_SIZE) % BUCKETS);
}

static uint64_t state_hash(const struct job *j)
{
    struct {
        struct id jid;
        uint64_t epoch;
        struct id nid;
        uint64_t ver, decided;
    } s = {j->r.jid, j->r.acc.epoch, j->r.acc.nid, j->r.ver, j->r.decided};

    return hash64(&s, sizeof(s));
}

static void buckets_fill(const struct mesh *m, const struct id *peer, uint64_t out[BUCKETS])
{
    memset(out, 0, BUCKETS * sizeof(out[0]));
    for (struct map_item *it = map_first(m->jobs); it; it = map_next(it)) {
        const struct job *j = map_value(it);

        if (shared(m, j, peer))
            out[bucket_of(&j->r.jid)] ^= state_hash(j);
    }
}

static void digest_send(struct mesh *m, const struct id *peer)
{
    uint64_t sums[BUCKETS];
    struct buf *b = peer_open(m, peer, FRAME_DIGEST, 0);

    buckets_fill(m, peer, sums);
    wire_put_bin(b, sums, sizeof(sums));
}

static void digest_due(struct mesh *m, struct timer *t)
{
    uint32_t n = members_len(m->members);
    const struct member *c = members_at(m->members, (uint32_t)rng_below(&m->rng, n));

    if (!id_eq(&c->nid, &m->cfg.nid) && member_is_up(c))
        digest_send(m, &c->nid);
    timer_set(m, t, m->now.mono_ns + timer_backoff(m, 0, TIMING_DIGEST / 2, TIMING_DIGEST));
}

void digest_start(struct mesh *m)
{
    m->digest_timer.fire = digest_due;
    timer_set(m, &m->digest_timer,
              m->now.mono_ns + timer_backoff(m, 0, TIMING_DIGEST / 4, TIMING_DIGEST));
}

static void key_put(struct buf *b, const struct job *j)
{
    wire_put_array(b, KEY_FIELDS);
    wire_put_id(b, &j->r.jid);
    ballot_put(b, &j->r.acc);
    wire_put_uint(b, j->r.ver);
    wire_put_bool(b, j->r.decided);
}

void digest_on_digest(struct mesh *m, const struct id *from, struct wire_reader *r)
{
    uint64_t own[BUCKETS];
    uint64_t theirs[BUCKETS];
    struct span s = wire_get_bin(r, sizeof(theirs));
    uint32_t n = 0;

    if (r->bad || s.len != sizeof(theirs))
        return;
    memcpy(theirs, s.data, sizeof(theirs));
    buckets_fill(m, from, own);
    for (struct map_item *it = map_first(m->jobs); it && n < KEYS_MAX; it = map_next(it)) {
        const struct job *j = map_value(it);
        uint32_t k = bucket_of(&j->r.jid);

        n += shared(m, j, from) && own[k] != theirs[k] ? 1 : 0;
    }
    if (n == 0)
        return;

    struct buf *b = peer_open(m, from, FRAME_KEYS, 0);
    wire_put_array(b, n);
    for (struct map_item *it = map_first(m->jobs); it && n > 0; it = map_next(it)) {
        const struct job *j = map_value(it);
        uint32_t k = bucket_of(&j->r.jid);

        if (!shared(m, j, from) || own[k] == theirs[k])
            continue;
        key_put(b, j);
        n--;
    }
}

static void key_use(struct mesh *m, const struct id *from, const struct record *theirs)
{
    const struct job *j = job_find(m, &theirs->jid);

    if (purge_is(m, &theirs->jid))
        purge_tell(m, &theirs->jid, from);
    else if (!j || record_acc_cmp(theirs, &j->r) > 0 || (theirs->decided && !j->r.decided))
        wire_put_id(peer_open(m, from, FRAME_ASK, 0), &theirs->jid);
}

void digest_on_keys(struct mesh *m, const struct id *from, struct wire_reader *r)
{
    uint32_t n = wire_get_array(r, KEYS_MAX);

    for (uint32_t i = 0; i < n && !r->bad; i++) {
        struct record theirs = {0};

        if (wire_get_array(r, KEY_FIELDS) != KEY_FIELDS)
            r->bad = true;
        theirs.jid = wire_get_id(r);
        theirs.acc = ballot_get(r);
        theirs.ver = (uint32_t)wire_get_uint(r, UINT32_MAX);
        theirs.decided = wire_get_bool(r);
        if (!r->bad)
            key_use(m, from, &theirs);
    }
}
