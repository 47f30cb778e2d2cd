/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works
 *
 *     A                                       B
 *     CONNECT, LINK_UP
 *     HELLO session=a  ------------------>    remembers a; CONNECT back, LINK_UP
 *                      <------------------    HELLO session=b, HELLO_ACK of a
 *     a is open; HELLO_ACK of b ---------->   b is open
 *
 * A node that comes back tells the lives of its disk (mesh/life.h). A peer that knows of one it
 * does not remember refuses it: its votes would be forgotten promises.
 */
#include "mesh/session.h"

#include "base/log.h"
#include "mesh/timer.h"

#include <errno.h>

enum {
    HELLO_FIRST_MS = 250,
    HELLO_MAX_MS = 4000,
    CONNECT_FIRST_MS = 200,
    CONNECT_MAX_MS = 5000,
    SESSION_JOINS = 16
};

struct link {
    struct link *next;
    uint64_t number;
    uint64_t session;
    bool up;
    bool acked;
    bool seed;
    struct id nid; /* zero: a seed that has not answered */
    char endpoint[LIMIT_ENDPOINT + 1];
    uint32_t tries;
    struct timer timer;
};

bool session_open(const struct link *l)
{
    return l && l->up && l->acked;
}

uint64_t session_out(const struct link *l)
{
    return l->session;
}

uint64_t session_link(const struct link *l)
{
    return l->number;
}

/* ---- HELLO ---- */

/* `l->nid` says whom it is for: the endpoint of one whose disk was replaced is the new one's. */
static void hello_fields(struct mesh *m, struct buf *b, const struct link *l)
{
    wire_put_id(b, &l->nid);
    wire_put_uint(b, l->session);
    wire_put_uint(b, m->cfg.boot);
    wire_put_uint(b, m->gen);
    members_introduce(m->members, b);
}

/* These go past the peer's buffers: they are what opens them. */
static void hello_send(struct mesh *m, const struct link *l, const struct buf *body)
{
    struct frame_head head = {.version = FRAME_VERSION_HELLO,
                              .cluster = m->cluster,
                              .session = l->session,
                              .generation = m->gen + m->fx.synced};
    struct buf frame;

    buf_init(&frame, LIMIT_FRAME_CONTROL);
    frame_encode(&head, buf_span(body), &frame);

    struct mesh_effect *e = effect_add(&m->fx, MESH_FX_SEND, EFFECT_NOW);
    e->send.link = l->number;
    e->send.lane = MESH_LANE_CONTROL;
    e->send.frame = effect_copy(&m->fx, buf_span(&frame));
    m->stats.frames_out++;
    m->stats.bytes_out += frame.len;
    buf_done(&frame);
}

static void hello(struct mesh *m, const struct link *l)
{
    struct peer *p = id_is_zero(&l->nid) ? NULL : peer_get(m, &l->nid);
    struct buf b;

    if (!life_stored(m))
        return;
    buf_init(&b, LIMIT_FRAME_CONTROL);
    frame_put(&b, FRAME_HELLO);
    hello_fields(m, &b, l);
    if (p && p->session_in) {
        frame_put(&b, FRAME_HELLO_ACK);
        wire_put_uint(&b, p->session_in);
        hello_fields(m, &b, l);
    }
    if (p && p->refused_boot) {
        frame_put(&b, FRAME_REFUSE);
        wire_put_id(&b, &p->nid);
        wire_put_uint(&b, p->refused_boot);
        wire_put_uint(&b, p->known.generation);
    }
    life_say(m, &b, p);
    hello_send(m, l, &b);
    buf_done(&b);
}

static void link_due(struct mesh *m, struct timer *t);

static struct link *link_new(struct mesh *m, const char *endpoint)
{
    struct link *l = own_calloc(1, sizeof(*l));

    l->number = ++m->next_link;
    l->session = m->cfg.boot << 32 | l->number;
    (void)snprintf(l->endpoint, sizeof(l->endpoint), "%s", endpoint);
    l->timer.fire = link_due;
    l->next = m->links;
    m->links = l;

    struct mesh_effect *e = effect_add(&m->fx, MESH_FX_CONNECT, EFFECT_NOW);
    e->connect.link = l->number;
    e->connect.endpoint =
        (const char *)effect_copy(
            &m->fx, (struct span){(const uint8_t *)l->endpoint, strlen(l->endpoint) + 1})
            .data;
    return l;
}

/* The driver has closed it, or is told to. */
static void link_end(struct mesh *m, struct link *l, bool tell)
{
    struct peer *p = id_is_zero(&l->nid) ? NULL : peer_get(m, &l->nid);

    for (struct link **at = &m->links; *at; at = &(*at)->next)
        if (*at == l) {
            *at = l->next;
            break;
        }
    if (tell)
        effect_add(&m->fx, MESH_FX_DISCONNECT, EFFECT_NOW)->connect.link = l->number;
    if (p && p->link == l) {
        p->link = NULL;
        p->connect_ns =
            m->now.mono_ns + timer_backoff(m, p->connect_tries++, CONNECT_FIRST_MS, CONNECT_MAX_MS);
    }
    timer_stop(m, &l->timer);
    free(l);
}

static void link_due(struct mesh *m, struct timer *t)
{
    struct link *l = HEAP_OWNER(&t->node, struct link, timer.node);

    if (l->acked)
        timer_stop(m, &l->timer);
    else {
        if (l->up)
            hello(m, l);
        timer_set(m, &l->timer,
                  m->now.mono_ns + timer_backoff(m, l->tries++, HELLO_FIRST_MS, HELLO_MAX_MS));
    }
}

static struct link *link_find(const struct mesh *m, uint64_t number)
{
    struct link *l = m->links;

    while (l && l->number != number)
        l = l->next;
    return l;
}

void session_connect(struct mesh *m, struct peer *p)
{
    const struct member *c = members_get(m->members, &p->nid);

    if (p->link || m->dead || !c || !c->meta.endpoint[0] || p->connect_ns > m->now.mono_ns)
        return;
    p->link = link_new(m, c->meta.endpoint);
    p->link->nid = p->nid;
}

void session_close(struct mesh *m, struct peer *p)
{
    if (p->link)
        link_end(m, p->link, true);
}

void session_greet(struct mesh *m)
{
    for (struct link *l = m->links; l; l = l->next)
        if (l->up && !l->acked)
            link_due(m, &l->timer);
}

void session_on_up(struct mesh *m, uint64_t number)
{
    struct link *l = link_find(m, number);

    if (!l)
        return;
    l->up = true;
    l->tries = 0;
    link_due(m, &l->timer);
}

void session_on_down(struct mesh *m, uint64_t number)
{
    struct link *l = link_find(m, number);

    if (!l)
        return;

    struct id nid = l->nid;
    link_end(m, l, false);
    if (!id_is_zero(&nid))
        members_link_down(m->members, &nid, m->now.mono_ns);
}

/* ---- seeds ---- */

static void seeds_try(struct mesh *m)
{
    for (uint32_t i = 0; i < m->n_seeds; i++) {
        bool known = strcmp(m->seeds[i], m->cfg.endpoint) == 0;

        for (const struct link *l = m->links; l; l = l->next)
            known = known || strcmp(l->endpoint, m->seeds[i]) == 0;
        for (uint32_t k = 0; k < members_len(m->members); k++) {
            const struct member *c = members_at(m->members, k);

            known = known || (member_is_up(c) && strcmp(c->meta.endpoint, m->seeds[i]) == 0);
        }
        if (!known)
            link_new(m, m->seeds[i])->seed = true;
    }
}

static void seeds_due(struct mesh *m, struct timer *t)
{
    bool alone = members_up(m->members) < 2;

    seeds_try(m);
    timer_set(m, t,
              m->now.mono_ns +
                  timer_backoff(m, 0, alone ? TIMING_SEEDS_ALONE : TIMING_SEEDS, TIMING_SEEDS));
}

void session_seeds(struct mesh *m, const char *const *endpoints, uint32_t n)
{
    if (n > LIMIT_SEEDS)
        n = LIMIT_SEEDS;
    for (uint32_t i = 0; i < n; i++)
        (void)snprintf(m->seeds[i], sizeof(m->seeds[i]), "%s", endpoints[i]);
    m->n_seeds = n;
    if (m->started)
        timer_set(m, &m->seeds_timer, m->now.mono_ns);
}

void session_start(struct mesh *m)
{
    m->seeds_timer.fire = seeds_due;
    timer_set(m, &m->seeds_timer, m->now.mono_ns);
    /* Those of the last life: most are still there. */
    for (struct map_item *it = map_first(m->peers); it; it = map_next(it)) {
        struct peer *p = map_value(it);

        if (!peer_gone(m, &p->nid))
            session_connect(m, p);
    }
}

void session_done(struct mesh *m)
{
    while (m->links) {
        struct link *l = m->links;

        m->links = l->next;
        free(l);
    }
}

/* ---- receiving ---- */

struct hello {
    struct id to; /* zero: whoever is there */
    uint64_t session, boot, generation;
};

/* `sure`: it is no word that came late. */
static void refuse(struct mesh *m, struct peer *p, const struct hello *h, bool sure)
{
    p->refused_boot = h->boot;
    /* A word of an earlier life that came late takes nothing from the later one; to a disk that
     * went back it must be said all the same. */
    if (!p->refused && (sure || h->session >= p->session_in)) {
        p->refused = true;
        effect_log(&m->fx, LOG_ERROR, "peer %s came back with an older disk: refused",
                   peer_name(m, &p->nid));
    }
    /* It is told with every HELLO it gets from here. */
    if (p->link && p->link->up)
        hello(m, p->link);
}

static void hello_read(struct wire_reader *r, struct hello *h)
{
    h->to = wire_get_id(r);
    h->session = wire_get_uint(r, UINT64_MAX);
    h->boot = wire_get_uint(r, UINT64_MAX);
    h->generation = wire_get_uint(r, UINT64_MAX);
}

/* True when the peer's disk has all that we know it had. */
static bool hello_follows(const struct mesh *m, const struct peer *p, const struct hello *h)
{
    if (m->greeting.said)
        return life_follows(&m->greeting.lives, &p->known);
    return h->boot == p->known.boot ||
           (h->boot > p->known.boot && h->generation >= p->known.generation);
}

/* Two lives of one number: the disk went back between them, whatever came first. */
static bool hello_twin(const struct peer *p, const struct hello *h, uint64_t start)
{
    return h->boot == p->known.boot && start && p->known.start && start != p->known.start;
}

static void hello_note(struct mesh *m, struct peer *p, const struct hello *h, uint64_t start)
{
    p->refused = false;
    p->refused_boot = 0;
    if (start || h->boot != p->known.boot)
        p->known.start = start;
    p->known.boot = h->boot;
    if (h->generation > p->known.generation)
        p->known.generation = h->generation;
    p->session_in = h->session;
    p->version = m->greeting.said ? m->greeting.version_max : FRAME_VERSION_HELLO;
    if (p->version > m->version)
        p->version = m->version;
    peer_remember(m, p);
}

/* Takes what a peer says of itself; NULL when it does not count. */
static struct peer *hello_take(struct mesh *m, const struct id *from, struct wire_reader *r)
{
    const struct greeting *g = &m->greeting;
    const struct life *last = &g->lives.at[g->said ? g->lives.n - 1 : 0];
    uint64_t start = g->said ? last->start : 0;
    struct hello h;

    hello_read(r, &h);
    if (!r->bad && !id_is_zero(&h.to) && !id_eq(&h.to, &m->cfg.nid)) {
        wire_skip(r);
        return NULL;
    }
    if (g->said && (last->boot != h.boot || g->version_min > m->version))
        return NULL;
    if (r->bad || members_meet(m->members, from, r, m->now.mono_ns) != 0 || peer_gone(m, from))
        return NULL;

    struct peer *p = peer_add(m, from);
    bool follows = p && hello_follows(m, p, &h);
    if (!p || (h.session < p->session_in && follows))
        return NULL;
    if (!p->link) {
        p->connect_ns = 0;
        session_connect(m, p);
    }
    if (!follows) {
        refuse(m, p, &h, hello_twin(p, &h, start));
        return NULL;
    }
    hello_note(m, p, &h, start);
    return p;
}

/* The peer has compared our lives with what it knew of us. */
static void peer_confirms(struct mesh *m, struct peer *p)
{
    if (m->greeting.said && m->greeting.echo != life_start(m))
        return;
    /* Lists with a few first ones are enough to know everybody; with each of many they would
     * cost the square of them. */
    if (!p->acked && m->joins < SESSION_JOINS) {
        m->joins++;
        members_join(m->members, &p->nid, m->now.mono_ns);
    }
    p->acked = true;
    life_progress(m);
}

/* A seed that turned out to be this node itself. */
static void hello_own(struct mesh *m, struct wire_reader *r)
{
    (void)wire_get_id(r);
    uint64_t session = wire_get_uint(r, UINT64_MAX);

    r->at = r->end;
    for (struct link *l = m->links; l; l = l->next)
        if (l->session == session) {
            link_end(m, l, true);
            return;
        }
}

static void ack_send(struct mesh *m, struct peer *p)
{
    struct buf b;

    if (!p->link || !p->link->up || !life_stored(m))
        return;
    buf_init(&b, LIMIT_FRAME_CONTROL);
    frame_put(&b, FRAME_HELLO_ACK);
    wire_put_uint(&b, p->session_in);
    hello_fields(m, &b, p->link);
    life_say(m, &b, p);
    hello_send(m, p->link, &b);
    buf_done(&b);
}

void session_on_hello(struct mesh *m, const struct id *from, struct wire_reader *r)
{
    if (id_eq(from, &m->cfg.nid)) {
        hello_own(m, r);
        return;
    }

    struct peer *p = hello_take(m, from, r);
    if (!p)
        return;
    ack_send(m, p);
    /* It may be new to us while our session is void to it: say ours again. */
    if (p->link && p->link->up && !p->link->acked)
        hello(m, p->link);
}

void session_on_hello_ack(struct mesh *m, const struct id *from, struct wire_reader *r)
{
    uint64_t session = wire_get_uint(r, UINT64_MAX);
    struct peer *p = hello_take(m, from, r);
    struct link *l = m->links;

    while (l && l->session != session)
        l = l->next;
    if (!p)
        return;
    if (!l || (!id_is_zero(&l->nid) && !id_eq(&l->nid, from))) {
        /* It listens to a later link that is gone, or was for one whose place it took: only a
         * new one is later still. */
        if (p->link && p->link->session < session)
            link_end(m, p->link, true);
        return;
    }
    if (p->link && p->link != l) {
        /* A seed that is known by its own name already. The peer listens to the link whose
         * session is the higher, so that is the one to keep. */
        if (l->session < p->link->session) {
            link_end(m, l, true);
            members_join(m->members, from, m->now.mono_ns);
            return;
        }
        link_end(m, p->link, true);
    }
    l->nid = *from;
    p->link = l;
    p->connect_tries = 0;
    if (!l->acked && l->seed)
        members_join(m->members, from, m->now.mono_ns);
    l->acked = true;
    peer_confirms(m, p);
    timer_stop(m, &l->timer);
}

/* It was heard before the rest of its frame was: mesh/dispatch.c. */
void session_on_start(struct mesh *m, const struct id *from, struct wire_reader *r)
{
    (void)m;
    (void)from;
    for (uint32_t i = 0; i < frame_fields(FRAME_START); i++)
        wire_skip(r);
}

void session_counts(struct mesh *m, const struct id *from)
{
    struct peer *p = peer_get(m, from);

    if (!p || p->counted ||
        (p->kept.boot == p->known.boot && p->kept.start == p->known.start &&
         p->kept.generation == p->known.generation))
        return;
    peer_count(m, p);
}

void session_on_refuse(struct mesh *m, const struct id *from, struct wire_reader *r)
{
    struct id to = wire_get_id(r);
    uint64_t boot = wire_get_uint(r, UINT64_MAX);
    uint64_t generation = wire_get_uint(r, UINT64_MAX);

    if (r->bad || !id_eq(&to, &m->cfg.nid) || boot != m->cfg.boot)
        return;

    struct mesh_effect *e = effect_add(&m->fx, MESH_FX_FATAL, EFFECT_NOW);
    e->log.level = LOG_ERROR;
    (void)snprintf(e->log.text, sizeof(e->log.text),
                   "this disk was rolled back: %s remembers %llu batches of it, it has %llu; "
                   "wipe it and start as a new node",
                   peer_name(m, from), (unsigned long long)generation, (unsigned long long)m->gen);
    m->dead = true;
}

bool session_accepts(struct mesh *m, const struct id *from, const struct frame_head *head)
{
    struct peer *p = peer_get(m, from);

    if (!p || p->refused || p->session_in != head->session || peer_gone(m, from))
        return false;
    if (head->generation > p->known.generation) {
        p->known.generation = head->generation;
        peer_remember(m, p);
    }
    return true;
}
