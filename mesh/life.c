/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works
 *
 *     X starts: draws `start`, stores (boot, start, generation) behind its earlier lives
 *       |                                      P: met X last as (boot p, start p), and X told it
 *       | ...synced...                            that its disk held `generation` p
 *       |---- HELLO, START with the lives ------->|
 *       |                                         | boot p is among them, with that start, and
 *       |                                         | the life after it began with no less?
 *       |<--- HELLO_ACK, START echo=X's start ----| yes: remembers the new life
 *       |<--- REFUSE -----------------------------| no: X's disk went back
 *       | all peers echoed: X may vote
 *
 * The boot number alone does not do: the life after a rollback has the number of one that was
 * before. What P counted on is stored with what it led to (life_remember()), so a P that was
 * down knows it too when it comes back.
 */
#include "mesh/life.h"

#include "base/log.h"
#include "mesh/frame.h"
#include "mesh/peer.h"
#include "mesh/store.h"
#include "mesh/timer.h"

#include <errno.h>

enum { FIELDS_LIFE = 3, LOOK_MS = 500, WARN_LOOKS = 10, REMEMBER_MAX_MS = 1000 };

bool life_follows(const struct lives *told, const struct life *known)
{
    const struct life *last = &told->at[told->n - 1];

    if (known->boot == 0)
        return true;
    for (uint32_t i = 0; i < told->n; i++) {
        const struct life *l = &told->at[i];

        if (l->boot == known->boot)
            return (known->start == 0 || l->start == known->start) &&
                   (l == last || l[1].generation >= known->generation);
    }
    if (last->boot < known->boot)
        return false;
    /* Not among them. A life of version 1 is in no list; others only leave a full one. */
    if (known->start && (told->n < LIFE_MAX || told->at[0].boot < known->boot))
        return false;
    /* The first one told of after it began with no less than it had. */
    for (uint32_t i = 0; i < told->n; i++)
        if (told->at[i].boot > known->boot)
            return told->at[i].generation >= known->generation;
    return false;
}

static void lives_put(struct buf *b, const struct lives *lives)
{
    wire_put_array(b, lives->n);
    for (uint32_t i = 0; i < lives->n; i++) {
        wire_put_array(b, FIELDS_LIFE);
        wire_put_uint(b, lives->at[i].boot);
        wire_put_uint(b, lives->at[i].start);
        wire_put_uint(b, lives->at[i].generation);
    }
}

/* At least one, by rising boot; anything else is bad. */
static void lives_get(struct wire_reader *r, struct lives *ret)
{
    uint64_t before = 0;

    ret->n = wire_get_array(r, LIFE_MAX);
    for (uint32_t i = 0; i < ret->n && !r->bad; i++) {
        struct life *l = &ret->at[i];

        if (wire_get_array(r, FIELDS_LIFE) != FIELDS_LIFE)
            r->bad = true;
        l->boot = wire_get_uint(r, UINT64_MAX);
        l->start = wire_get_uint(r, UINT64_MAX);
        l->generation = wire_get_uint(r, UINT64_MAX);
        if (l->boot <= before)
            r->bad = true;
        before = l->boot;
    }
    if (ret->n == 0)
        r->bad = true;
}

/* ---- this node's ---- */

int life_load(struct mesh *m, struct span bytes)
{
    struct wire_reader r;

    wire_reader_init(&r, bytes.data, bytes.len);
    lives_get(&r, &m->lives);
    return wire_reader_end(&r);
}

static void look(struct mesh *m, struct timer *t);

void life_begin(struct mesh *m)
{
    struct store_name name = store_name_bytes(STORE_OWN, "lives", 5);
    struct lives *l = &m->lives;
    struct buf b;

    if (l->n == LIFE_MAX)
        memmove(l->at, l->at + 1, --l->n * sizeof(l->at[0]));
    l->at[l->n++] = (struct life){m->cfg.boot, rng_u64(&m->rng) | 1, m->gen};
    buf_init(&b, LIMIT_KIB);
    lives_put(&b, l);
    store_put(m, &name, buf_span(&b));
    buf_done(&b);
    m->life_batch = m->fx.batch + 1;
    m->life_timer.fire = look;
    timer_set(m, &m->life_timer, m->now.mono_ns + LOOK_MS * STATE_MS);
}

bool life_stored(const struct mesh *m)
{
    return m->fx.synced >= m->life_batch;
}

uint64_t life_start(const struct mesh *m)
{
    return m->lives.at[m->lives.n - 1].start;
}

void life_say(const struct mesh *m, struct buf *b, const struct peer *p)
{
    if (m->version < FRAME_VERSION_START)
        return;
    frame_put(b, FRAME_START);
    wire_put_uint(b, FRAME_VERSION_MIN);
    wire_put_uint(b, m->version);
    wire_put_uint(b, p && p->session_in && !p->refused ? p->known.start : 0);
    lives_put(b, &m->lives);
}

void life_hear(const struct wire_reader *r, struct greeting *ret_greeting)
{
    struct wire_reader w = *r;
    enum frame_type t;

    ret_greeting->said = false;
    while (frame_next(&w, &t) > 0) {
        if (t == FRAME_START) {
            ret_greeting->version_min = (uint32_t)wire_get_uint(&w, UINT32_MAX);
            ret_greeting->version_max = (uint32_t)wire_get_uint(&w, UINT32_MAX);
            ret_greeting->echo = wire_get_uint(&w, UINT64_MAX);
            lives_get(&w, &ret_greeting->lives);
            ret_greeting->said = !w.bad;
            return;
        }
        for (uint32_t i = 0; i < frame_fields(t); i++)
            wire_skip(&w);
    }
}

/* ---- confirmation ---- */

/* One whose disk may come back with what a vote of this node led to. One that stays dead for
 * longer than any restart takes is not waited for: see ARCHITECTURE.md. */
static bool is_witness(const struct mesh *m, const struct member *c)
{
    if (id_eq(&c->nid, &m->cfg.nid) || c->state >= MEMBER_LEFT)
        return false;
    return c->state != MEMBER_DEAD || m->now.mono_ns - c->since_ns < TIMING_WITNESS * STATE_MS;
}

bool life_confirmed(const struct mesh *m)
{
    uint32_t others = 0;
    uint32_t confirmed = 0;

    if (m->may_vote || m->cfg.boot <= 1)
        return true;
    for (uint32_t i = 0; i < members_len(m->members); i++) {
        const struct member *c = members_at(m->members, i);
        const struct peer *p = peer_get(m, &c->nid);

        if (id_eq(&c->nid, &m->cfg.nid) || c->state >= MEMBER_LEFT)
            continue;
        others++;
        if (p && p->acked)
            confirmed++;
        else if (is_witness(m, c))
            return false;
    }
    /* Its own list of peers is as old as its disk: it must have heard another's. */
    return confirmed * 2 >= others && (others == 0 || m->listed);
}

void life_progress(struct mesh *m)
{
    if (m->may_vote || !life_confirmed(m))
        return;
    m->may_vote = true;
    if (m->life_warned)
        effect_log(&m->fx, LOG_INFO, "this disk is confirmed: the node votes");
}

static void list_ask(struct mesh *m)
{
    for (uint32_t i = 0; i < members_len(m->members); i++) {
        const struct member *c = members_at(m->members, i);
        const struct peer *p = peer_get(m, &c->nid);

        if (p && p->acked && member_is_up(c)) {
            members_join(m->members, &c->nid, m->now.mono_ns);
            return;
        }
    }
}

static void warn(struct mesh *m)
{
    for (uint32_t i = 0; i < members_len(m->members); i++) {
        const struct member *c = members_at(m->members, i);
        const struct peer *p = peer_get(m, &c->nid);

        if (is_witness(m, c) && !(p && p->acked)) {
            effect_log(&m->fx, LOG_WARN,
                       "this node does not vote before %s has confirmed its disk; if that "
                       "disk will not come back, forget it",
                       c->meta.name);
            return;
        }
    }
}

static void look(struct mesh *m, struct timer *t)
{
    life_progress(m);
    if (!m->may_vote && !m->listed)
        list_ask(m);
    if (!m->may_vote && ++m->life_looks == WARN_LOOKS) {
        m->life_warned = true;
        warn(m);
    }
    life_remember(m);
    timer_set(m, t, m->now.mono_ns + timer_backoff(m, 0, LOOK_MS, LOOK_MS));
}

/* ---- the lives of peers ---- */

bool life_is_later(const struct life *a, const struct life *b)
{
    return a->boot > b->boot || (a->boot == b->boot && a->generation > b->generation);
}

void life_remember_put(struct mesh *m, struct peer *p)
{
    struct store_name name = store_name_id(STORE_SEEN, &p->nid);
    struct buf b;

    buf_init(&b, LIMIT_KEY);
    wire_put_array(&b, FIELDS_LIFE);
    wire_put_uint(&b, p->known.boot);
    wire_put_uint(&b, p->known.start);
    wire_put_uint(&b, p->known.generation);
    store_put(m, &name, buf_span(&b));
    buf_done(&b);
    p->kept = p->known;
    p->counted = false;
}

/*
 * With a batch that is written anyway, so that it is durable no later than what a vote led to;
 * after a second on its own.
 */
static bool is_to_store(struct mesh *m, struct peer *p)
{
    bool batch = m->fx.n_ops > 0 || m->dirty;

    if (p->counted && (batch || m->now.mono_ns - p->counted_ns >= REMEMBER_MAX_MS * STATE_MS))
        life_remember_put(m, p);
    return p->counted;
}

void life_remember(struct mesh *m)
{
    peers_counted(m, is_to_store);
}

void life_remember_load(struct mesh *m, struct span key, struct span bytes)
{
    struct life known;
    struct wire_reader r;
    struct id nid;

    if (key.len != 1 + ID_SIZE)
        return;
    memcpy(nid.b, key.data + 1, ID_SIZE);
    wire_reader_init(&r, bytes.data, bytes.len);
    if (wire_get_array(&r, FIELDS_LIFE) != FIELDS_LIFE)
        return;
    known.boot = wire_get_uint(&r, UINT64_MAX);
    known.start = wire_get_uint(&r, UINT64_MAX);
    known.generation = wire_get_uint(&r, UINT64_MAX);

    struct peer *p = wire_reader_end(&r) == 0 ? peer_add(m, &nid) : NULL;
    if (p && (life_is_later(&known, &p->known) || known.boot == p->known.boot))
        p->known = p->kept = known;
}
