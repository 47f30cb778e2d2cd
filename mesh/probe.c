/* SPDX-License-Identifier: MPL-2.0 */
#include "mesh/probe.h"

#include "mesh/rumour.h"
#include "mesh/timing.h"

/*
 * How this works: a probe lives in the entry of the one it asks.
 *
 *     PING --(probe_timeout)--> PING_REQ to 3 others --(end of the interval)--> accused
 *       |                            |         |
 *       +--> ACK: well               |         +--> NACK: the other is well, and heard nothing
 *                                    +--> ACK through the other: well
 *
 * A probe that fails without its NACKs says as much of this node as of the one it asks: the
 * health score rises, and with it the interval.
 */

static uint64_t interval_ns(const struct members *m)
{
    return roster_ns((uint64_t)m->config.probe_ms * (m->health + 1));
}

static void health_add(struct members *m, uint32_t n)
{
    m->health = m->health + n < TIMING_HEALTH_MAX ? m->health + n : TIMING_HEALTH_MAX - 1;
}

static void send_ping(struct members *m, uint64_t seq, const struct roster_entry *e)
{
    struct buf *out = roster_payload(m);

    wire_put_array(out, 3);
    wire_put_uint(out, seq);
    wire_put_id(out, &e->pub.nid);
    rumour_put_some(m, out, e->pub.state == MEMBER_SUSPECT ? e : NULL);
    roster_send(m, &e->pub.nid, MEMBER_PAYLOAD_PING);
}

static void send_answer(struct members *m, const struct id *to, enum member_payload kind,
                        uint64_t seq)
{
    struct buf *out = roster_payload(m);

    wire_put_array(out, 2);
    wire_put_uint(out, seq);
    rumour_put_some(m, out, NULL);
    roster_send(m, to, kind);
}

void probe_start(struct members *m, struct roster_entry *e, uint64_t now_ns)
{
    if (heap_has(&e->probe_timer) || !member_is_up(&e->pub) || m->leaving)
        return;
    e->probe_seq = ++m->seq;
    e->probe_sent_ns = now_ns;
    e->probe_end_ns = now_ns + interval_ns(m);
    e->asked_others = false;
    e->nacks = e->nacks_due = 0;
    heap_set(&m->probes, &e->probe_timer, now_ns + roster_ns(m->config.probe_timeout_ms));
    send_ping(m, e->probe_seq, e);
}

void probe_next(struct members *m, uint64_t now_ns)
{
    m->next_probe_ns = now_ns + interval_ns(m);
    for (uint32_t tried = 0; tried < m->n; tried++) {
        struct roster_entry *e;

        if (m->turn >= m->n) {
            m->turn = 0;
            for (uint32_t i = m->n; i > 1; i--) {
                uint32_t j = (uint32_t)rng_below(&m->rng, i);

                e = m->order[i - 1];
                m->order[i - 1] = m->order[j];
                m->order[j] = e;
            }
        }
        e = m->order[m->turn++];
        if (e == roster_self(m) || !member_is_up(&e->pub) || heap_has(&e->probe_timer))
            continue;
        probe_start(m, e, now_ns);
        return;
    }
}

/* `not_seq` is the probe of the one who is not to be asked about itself. */
static bool may_relay(const struct members *m, const struct roster_entry *e, uint64_t not_seq)
{
    (void)m;
    return e->pub.state == MEMBER_ALIVE && e->probe_seq != not_seq;
}

static void ask_others(struct members *m, struct roster_entry *e)
{
    struct roster_entry *others[TIMING_PROBE_INDIRECT];
    uint32_t n = roster_draw(m, may_relay, e->probe_seq, others, TIMING_PROBE_INDIRECT);

    e->asked_others = true;
    e->nacks_due = n;
    heap_set(&m->probes, &e->probe_timer, e->probe_end_ns);
    for (uint32_t i = 0; i < n; i++) {
        struct buf *out = roster_payload(m);

        wire_put_array(out, 3);
        wire_put_uint(out, e->probe_seq);
        wire_put_id(out, &e->pub.nid);
        rumour_put_some(m, out, NULL);
        roster_send(m, &others[i]->pub.nid, MEMBER_PAYLOAD_PING_REQ);
    }
}

static void fail(struct members *m, struct roster_entry *e, uint64_t now_ns)
{
    heap_remove(&m->probes, &e->probe_timer);
    health_add(m, e->nacks_due ? e->nacks_due - e->nacks : 1);
    rumour_accuse(m, e, now_ns);
}

static void relays_tick(struct members *m, uint64_t now_ns)
{
    for (uint32_t i = 0; i < ROSTER_RELAYS_MAX && m->n_relays > 0; i++) {
        struct roster_relay *relay = &m->relays[i];

        if (!relay->seq || relay->due_ns > now_ns)
            continue;
        send_answer(m, &relay->asker, MEMBER_PAYLOAD_NACK, relay->their_seq);
        relay->seq = 0;
        m->n_relays--;
    }
}

void probe_tick(struct members *m, uint64_t now_ns)
{
    struct heap_node *first;

    while ((first = heap_min(&m->probes)) && first->key <= now_ns) {
        struct roster_entry *e = HEAP_OWNER(first, struct roster_entry, probe_timer);

        if (e->asked_others || first->key >= e->probe_end_ns)
            fail(m, e, now_ns);
        else
            ask_others(m, e);
    }
    relays_tick(m, now_ns);
}

uint64_t probe_deadline(const struct members *m)
{
    const struct heap_node *first = heap_min(&m->probes);
    uint64_t due = first ? first->key : UINT64_MAX;

    for (uint32_t i = 0; i < ROSTER_RELAYS_MAX && m->n_relays > 0; i++) {
        if (m->relays[i].seq && m->relays[i].due_ns < due)
            due = m->relays[i].due_ns;
    }
    return due;
}

void probe_abandon(struct members *m)
{
    struct heap_node *first;

    while ((first = heap_min(&m->probes)))
        heap_remove(&m->probes, first);
    memset(m->relays, 0, sizeof(m->relays));
    m->n_relays = 0;
}

void probe_hear_ping(struct members *m, const struct id *from, struct wire_reader *r,
                     uint64_t now_ns)
{
    uint64_t seq;
    struct id target;

    if (wire_get_array(r, 3) != 3)
        r->bad = true;
    seq = wire_get_uint(r, UINT64_MAX);
    target = wire_get_id(r);
    rumour_get_some(m, r, ROSTER_RUMOURS_MAX + 1, RUMOUR_GOSSIP, now_ns);
    if (r->bad || !id_eq(&target, &m->config.nid))
        return;
    send_answer(m, from, MEMBER_PAYLOAD_ACK, seq);
}

void probe_hear_request(struct members *m, const struct id *from, struct wire_reader *r,
                        uint64_t now_ns)
{
    struct roster_relay *relay = &m->relays[m->relay_next];
    struct roster_entry *e;
    uint64_t seq;
    struct id target;

    if (wire_get_array(r, 3) != 3)
        r->bad = true;
    seq = wire_get_uint(r, UINT64_MAX);
    target = wire_get_id(r);
    rumour_get_some(m, r, ROSTER_RUMOURS_MAX + 1, RUMOUR_GOSSIP, now_ns);
    if (r->bad)
        return;
    e = roster_get(m, &target);
    if (e == roster_self(m))
        return send_answer(m, from, MEMBER_PAYLOAD_ACK, seq);
    if (!e)
        return send_answer(m, from, MEMBER_PAYLOAD_NACK, seq);
    /* When too many are open the oldest gives way: its asker will miss a NACK. */
    m->n_relays += relay->seq ? 0 : 1;
    *relay = (struct roster_relay){.seq = ++m->seq,
                                   .their_seq = seq,
                                   .asker = *from,
                                   .due_ns = now_ns + roster_ns(m->config.probe_timeout_ms)};
    m->relay_next = (m->relay_next + 1) % ROSTER_RELAYS_MAX;
    send_ping(m, relay->seq, e);
}

static struct roster_entry *probed_with(const struct members *m, uint64_t seq)
{
    for (size_t i = 0; i < m->probes.len; i++) {
        struct roster_entry *e = HEAP_OWNER(m->probes.at[i], struct roster_entry, probe_timer);

        if (e->probe_seq == seq)
            return e;
    }
    return NULL;
}

static uint64_t answer_get(struct members *m, struct wire_reader *r, uint64_t now_ns)
{
    uint64_t seq;

    if (wire_get_array(r, 2) != 2)
        r->bad = true;
    seq = wire_get_uint(r, UINT64_MAX);
    rumour_get_some(m, r, ROSTER_RUMOURS_MAX + 1, RUMOUR_GOSSIP, now_ns);
    return r->bad ? 0 : seq;
}

void probe_hear_ack(struct members *m, struct wire_reader *r, uint64_t now_ns)
{
    uint64_t seq = answer_get(m, r, now_ns);
    struct roster_entry *e = probed_with(m, seq);

    if (e) {
        /* Later it may have come through another. */
        if (!e->asked_others)
            meter_add(&m->rtt, METER_rtt, (now_ns - e->probe_sent_ns) / 1000);
        heap_remove(&m->probes, &e->probe_timer);
        if (m->health > 0)
            m->health--;
        return;
    }
    for (uint32_t i = 0; i < ROSTER_RELAYS_MAX && seq; i++) {
        struct roster_relay *relay = &m->relays[i];

        if (relay->seq != seq)
            continue;
        relay->seq = 0;
        m->n_relays--;
        send_answer(m, &relay->asker, MEMBER_PAYLOAD_ACK, relay->their_seq);
        return;
    }
}

void probe_hear_nack(struct members *m, struct wire_reader *r, uint64_t now_ns)
{
    struct roster_entry *e = probed_with(m, answer_get(m, r, now_ns));

    if (e && e->nacks < e->nacks_due)
        e->nacks++;
}
