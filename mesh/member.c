/* SPDX-License-Identifier: MPL-2.0 */
#include "mesh/member.h"

#include "base/hash.h"
#include "mesh/probe.h"
#include "mesh/rumour.h"
#include "mesh/timing.h"

#include <assert.h>
#include <errno.h>

/*
 * How this works: roster.c is the table, rumour.c the rules that change it, probe.c finds out
 * who is gone. Here are the entry points, and the two rounds that spread what is known:
 *
 *     gossip    every 250 ms: a few rumours to three random members
 *     push/pull every 30 s: the whole list, both ways, with one random member; and with one
 *               that is dead, because halves of a split know each other only as dead
 */

static const char *const state_names[] = {
#define X(id, name) name,
    MEMBER_STATES(X)
#undef X
};

enum { INCARNATION_BOOT_SHIFT = 32 };

const char *member_state_name(const struct member *m)
{
    return m->state == MEMBER_ALIVE && m->meta.draining ? "draining" : state_names[m->state];
}

struct members *members_new(const struct member_config *config)
{
    struct members *m = own_calloc(1, sizeof(*m));
    struct roster_entry *self;

    m->config = *config;
    if (!m->config.probe_ms)
        m->config.probe_ms = TIMING_PROBE;
    if (!m->config.probe_timeout_ms)
        m->config.probe_timeout_ms = TIMING_PROBE_TIMEOUT;
    if (!m->config.gossip_ms)
        m->config.gossip_ms = TIMING_GOSSIP;
    rng_init(&m->rng, config->seed);
    m->by_nid = map_new(rng_u64(&m->rng));
    buf_init(&m->scratch, LIMIT_FRAME_CONTROL / 2);
    heap_init(&m->suspicions);
    heap_init(&m->rumours);
    heap_init(&m->probes);
    /* No answer to a ping of the last life may pass for one of this. */
    m->seq = config->boot << INCARNATION_BOOT_SHIFT;
    m->next_probe_ns = m->next_gossip_ns = m->next_pushpull_ns = UINT64_MAX;
    self = roster_add(m, &config->nid, MEMBER_ALIVE, 0);
    self->pub.incarnation = config->boot << INCARNATION_BOOT_SHIFT;
    self->pub.meta = config->meta;
    self->accuser = config->nid;
    return m;
}

void members_free(struct members *m)
{
    if (!m)
        return;
    m->taken = true;
    roster_begin(m);
    for (uint32_t i = 0; i < m->n; i++)
        free(m->all[i]);
    free(m->all);
    free(m->order);
    free(m->out);
    map_free(m->by_nid);
    heap_done(&m->suspicions);
    heap_done(&m->rumours);
    heap_done(&m->probes);
    buf_done(&m->scratch);
    free(m);
}

void members_load(struct members *m, const struct member *old)
{
    struct roster_entry *e = roster_get(m, &old->nid);

    assert(!m->started);
    if (e || id_is_zero(&old->nid))
        return;
    e = roster_add(m, &old->nid, old->state < MEMBER_LEFT ? MEMBER_DEAD : old->state, 0);
    if (!e)
        return;
    e->pub.meta = old->meta;
    e->accuser = m->config.nid;
    /* Its goodbye is its own word, and ends what was said before. Anybody else may be up in the
     * very incarnation that is stored, and shall be heard. */
    if (old->state == MEMBER_LEFT) {
        e->pub.incarnation = old->incarnation;
        e->accuser = old->nid;
    }
}

void members_start(struct members *m, uint64_t now_ns)
{
    roster_begin(m);
    m->started = true;
    m->changed_ns = now_ns;
    for (uint32_t i = 0; i < m->n; i++)
        m->all[i]->pub.known_ns = m->all[i]->pub.since_ns = now_ns;
    /* Started together, they shall not all probe at the same moment. */
    m->next_probe_ns = now_ns + rng_below(&m->rng, roster_ns(m->config.probe_ms));
    m->next_gossip_ns = now_ns + rng_below(&m->rng, roster_ns(m->config.gossip_ms));
    m->next_pushpull_ns = now_ns + rng_below(&m->rng, roster_ns(TIMING_PUSHPULL));
    rumour_spread(m, roster_self(m));
}

/* --- rounds ---------------------------------------------------------------------------------- */

static bool in_gossip(const struct members *m, const struct roster_entry *e, uint64_t now_ns)
{
    (void)m;
    return member_is_up(&e->pub) || (e->pub.state == MEMBER_DEAD &&
                                     now_ns - e->pub.since_ns < roster_ns(TIMING_GOSSIP_DEAD));
}

static bool in_state(const struct members *m, const struct roster_entry *e, uint64_t state)
{
    (void)m;
    return (uint64_t)e->pub.state == state;
}

static void gossip(struct members *m, uint64_t now_ns)
{
    struct roster_entry *to[TIMING_GOSSIP_FANOUT];
    uint32_t n = roster_draw(m, in_gossip, now_ns, to, TIMING_GOSSIP_FANOUT);
    uint64_t ms = m->config.gossip_ms;
    uint64_t jitter = ms * TIMING_GOSSIP_JITTER / TIMING_GOSSIP;

    for (uint32_t i = 0; i < n; i++) {
        struct buf *out = roster_payload(m);

        rumour_put_some(m, out, to[i]->pub.state == MEMBER_DEAD ? to[i] : NULL);
        roster_send(m, &to[i]->pub.nid, MEMBER_PAYLOAD_GOSSIP);
    }
    m->next_gossip_ns =
        now_ns + rng_between(&m->rng, roster_ns(ms - jitter), roster_ns(ms + jitter));
}

static void send_list(struct members *m, const struct id *to, bool is_reply)
{
    struct buf *out = roster_payload(m);

    wire_put_array(out, 2);
    wire_put_bool(out, is_reply);
    rumour_put_all(m, out);
    roster_send(m, to, MEMBER_PAYLOAD_PUSHPULL);
}

static void pushpull(struct members *m, uint64_t now_ns)
{
    static const enum member_state states[] = {MEMBER_ALIVE, MEMBER_DEAD};
    uint64_t ms = TIMING_PUSHPULL;

    for (size_t i = 0; i < ARRAY_LEN(states); i++) {
        struct roster_entry *to;

        if (roster_draw(m, in_state, states[i], &to, 1))
            send_list(m, &to->pub.nid, false);
    }
    for (uint32_t n = TIMING_PUSHPULL_NODES; n < members_up(m); n *= 2)
        ms += TIMING_PUSHPULL;
    m->next_pushpull_ns = now_ns + roster_ns(ms);
}

/* This node stood still (a stopped process, a paused machine): nobody had a chance to answer
 * it, so every time that ran out meanwhile is given again. */
static void forgive_pause(struct members *m, uint64_t now_ns)
{
    uint64_t due = members_deadline(m);
    struct heap_node *first = heap_min(&m->suspicions);

    if (!m->started || due >= now_ns || now_ns - due < roster_ns(m->config.probe_ms))
        return;
    probe_abandon(m);
    m->next_probe_ns = now_ns;
    if (m->health < TIMING_HEALTH_MAX - 1)
        m->health++;
    while (first && first->key <= now_ns) {
        struct roster_entry *e = HEAP_OWNER(first, struct roster_entry, suspicion_timer);

        e->suspicion.start_ns += now_ns - due;
        heap_set(&m->suspicions, first, suspicion_deadline(&e->suspicion));
        first = heap_min(&m->suspicions);
    }
}

void members_tick(struct members *m, uint64_t now_ns)
{
    struct heap_node *first;

    roster_begin(m);
    if (!m->started)
        return;
    forgive_pause(m, now_ns);
    probe_tick(m, now_ns);
    while ((first = heap_min(&m->suspicions)) && first->key <= now_ns)
        rumour_expire(m, HEAP_OWNER(first, struct roster_entry, suspicion_timer), now_ns);
    if (m->next_probe_ns <= now_ns)
        probe_next(m, now_ns);
    if (m->next_gossip_ns <= now_ns)
        gossip(m, now_ns);
    if (m->next_pushpull_ns <= now_ns)
        pushpull(m, now_ns);
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t members_deadline(const struct members *m)
{
    const struct heap_node *first = heap_min(&m->suspicions);
    uint64_t due = first ? first->key : UINT64_MAX;

    if (!m->started)
        return UINT64_MAX;
    due = least(due, probe_deadline(m));
    due = least(due, m->next_probe_ns);
    due = least(due, m->next_gossip_ns);
    return least(due, m->next_pushpull_ns);
}

/* --- what peers say -------------------------------------------------------------------------- */

void members_introduce(const struct members *m, struct buf *out)
{
    struct rumour r = rumour_of(roster_self(m));

    rumour_put(out, &r);
}

/* `from` is there, whatever is said of it; and if it speaks ill of us, it missed our denial. */
static void answer_gossip(struct members *m, const struct id *from, uint64_t now_ns)
{
    struct roster_entry *e = roster_get(m, from);

    if (e && e != roster_self(m))
        rumour_remind(m, e, now_ns);
    if (m->misheard) {
        rumour_put_some(m, roster_payload(m), roster_self(m));
        roster_send(m, from, MEMBER_PAYLOAD_GOSSIP);
    }
    m->misheard = false;
}

int members_meet(struct members *m, const struct id *from, struct wire_reader *r, uint64_t now_ns)
{
    struct rumour said;

    roster_begin(m);
    rumour_get(r, &said);
    if (r->bad || !id_eq(&said.nid, from) || !id_eq(&said.by, from) ||
        (said.state != MEMBER_ALIVE && said.state != MEMBER_LEFT))
        return -EBADMSG;
    rumour_hear(m, &said, RUMOUR_GOSSIP, now_ns);
    answer_gossip(m, from, now_ns);
    return 0;
}

void members_join(struct members *m, const struct id *peer, uint64_t now_ns)
{
    (void)now_ns;
    roster_begin(m);
    send_list(m, peer, false);
}

static void hear_list(struct members *m, const struct id *from, struct wire_reader *r,
                      uint64_t now_ns)
{
    bool is_reply;

    if (wire_get_array(r, 2) != 2)
        r->bad = true;
    is_reply = wire_get_bool(r);
    rumour_get_some(m, r, LIMIT_NODES, RUMOUR_LIST, now_ns);
    if (!r->bad && !is_reply)
        send_list(m, from, true);
}

/* How long this node puts up with a namesake, in times TIMING_NAMESAKE; 0 = for ever. The two
 * differ in it, so one goes before the other would: who found the other there came later, and
 * where that is true of both, or of neither, the nids decide. */
static uint32_t patience(const struct members *m, const struct member *other)
{
    const struct member *self = &roster_self(m)->pub;
    const bool found = other->known_ns - self->known_ns < roster_ns(TIMING_NAMESAKE);
    const bool first = id_cmp(&self->nid, &other->nid) < 0;

    return found ? 1 + first : first ? 0 : 3;
}

/* Rumours of a namesake may be of one that is dead; what it says itself is not. */
static void hear_namesake(struct members *m, const struct id *from, uint64_t now_ns)
{
    const struct roster_entry *e = roster_get(m, from);
    const char *name = roster_self(m)->pub.meta.name;

    if (!e || e == roster_self(m) || name[0] == '\0' || strcmp(e->pub.meta.name, name) != 0)
        return;
    if (!id_eq(&m->namesake, from)) {
        m->namesake = *from;
        m->namesake_ns = now_ns;
        return;
    }
    const uint32_t times = patience(m, &e->pub);
    if (times > 0 && now_ns - m->namesake_ns >= times * roster_ns(TIMING_NAMESAKE))
        roster_output(m, MEMBER_OUT_NAMESAKE, from);
}

int members_recv(struct members *m, enum member_payload kind, const struct id *from,
                 struct wire_reader *r, uint64_t now_ns)
{
    roster_begin(m);
    switch (kind) {
    case MEMBER_PAYLOAD_PING:
        probe_hear_ping(m, from, r, now_ns);
        break;
    case MEMBER_PAYLOAD_PING_REQ:
        probe_hear_request(m, from, r, now_ns);
        break;
    case MEMBER_PAYLOAD_ACK:
        probe_hear_ack(m, r, now_ns);
        break;
    case MEMBER_PAYLOAD_NACK:
        probe_hear_nack(m, r, now_ns);
        break;
    case MEMBER_PAYLOAD_GOSSIP:
        rumour_get_some(m, r, ROSTER_RUMOURS_MAX + 1, RUMOUR_GOSSIP, now_ns);
        break;
    case MEMBER_PAYLOAD_PUSHPULL:
        hear_list(m, from, r, now_ns);
        break;
    default:
        r->bad = true;
    }
    hear_namesake(m, from, now_ns);
    answer_gossip(m, from, now_ns);
    return r->bad ? -EBADMSG : 0;
}

void members_link_down(struct members *m, const struct id *nid, uint64_t now_ns)
{
    struct roster_entry *e = roster_get(m, nid);

    roster_begin(m);
    if (m->started && e && e != roster_self(m))
        probe_start(m, e, now_ns);
}

/* --- what this node says --------------------------------------------------------------------- */

void members_set_meta(struct members *m, const struct member_meta *meta, uint64_t now_ns)
{
    struct roster_entry *self = roster_self(m);

    (void)now_ns;
    roster_begin(m);
    m->config.meta = *meta;
    self->pub.meta = *meta;
    self->pub.incarnation++;
    rumour_spread(m, self);
}

void members_leave(struct members *m, uint64_t now_ns)
{
    struct roster_entry *self = roster_self(m);

    roster_begin(m);
    if (m->leaving)
        return;
    m->leaving = true;
    probe_abandon(m);
    self->pub.incarnation++;
    roster_set_state(m, self, MEMBER_LEFT, now_ns);
    rumour_spread(m, self);
    m->next_gossip_ns = now_ns;
}

void members_forget(struct members *m, const struct id *nid, uint64_t now_ns)
{
    struct rumour r = {.state = MEMBER_FORGOTTEN, .nid = *nid, .by = m->config.nid};

    roster_begin(m);
    rumour_hear(m, &r, RUMOUR_GOSSIP, now_ns);
}

/* --- what others see ------------------------------------------------------------------------- */

const struct member_output *members_outputs(struct members *m, uint32_t *ret_n)
{
    roster_begin(m);
    m->taken = true;
    *ret_n = m->n_out;
    return m->out;
}

uint32_t members_len(const struct members *m)
{
    return m->n;
}

const struct member *members_at(const struct members *m, uint32_t i)
{
    assert(i < m->n);
    return &m->all[i]->pub;
}

const struct member *members_get(const struct members *m, const struct id *nid)
{
    const struct roster_entry *e = roster_get(m, nid);

    return e ? &e->pub : NULL;
}

const struct member *members_self(const struct members *m)
{
    return &roster_self(m)->pub;
}

uint32_t members_count(const struct members *m, enum member_state state)
{
    return m->count[state];
}

uint32_t members_up(const struct members *m)
{
    return m->count[MEMBER_ALIVE] + m->count[MEMBER_SUSPECT];
}

uint64_t members_changed_ns(const struct members *m)
{
    return m->changed_ns;
}

uint32_t members_health(const struct members *m)
{
    return m->health;
}

const struct meter *members_rtt(const struct members *m)
{
    return &m->rtt;
}

uint64_t members_suspicions(const struct members *m)
{
    return m->accusations;
}

uint64_t members_digest(const struct members *m)
{
    uint64_t sums[8] = {m->rng.s[0], m->next_probe_ns, m->next_gossip_ns, m->next_pushpull_ns,
                        m->seq,      m->health,        m->turn,           0};

    for (uint32_t i = 0; i < m->n; i++) {
        const struct roster_entry *e = m->all[i];
        uint64_t parts[6] = {
            sums[7],        hash64(e->pub.nid.b, ID_SIZE), e->pub.incarnation, e->pub.state,
            e->rumour_sent, e->suspicion.confirmed};

        sums[7] = hash64(parts, sizeof(parts));
    }
    return hash64(sums, sizeof(sums));
}

void members_check(const struct members *m)
{
    uint32_t count[MEMBER_STATE_N] = {0};

    assert(m->n >= 1 && m->n <= LIMIT_NODES && map_len(m->by_nid) == m->n);
    assert(m->health < TIMING_HEALTH_MAX);
    for (uint32_t i = 0; i < m->n; i++) {
        const struct roster_entry *e = m->all[i];

        count[e->pub.state]++;
        assert(roster_get(m, &e->pub.nid) == e);
        assert(heap_has(&e->suspicion_timer) == (e->pub.state == MEMBER_SUSPECT));
        assert(!heap_has(&e->probe_timer) || member_is_up(&e->pub));
        assert(e->suspicion.confirmed <= SUSPICION_CONFIRM_MAX);
    }
    assert(memcmp(count, m->count, sizeof(count)) == 0);
    assert(roster_self(m)->pub.state == (m->leaving ? MEMBER_LEFT : MEMBER_ALIVE));
}
