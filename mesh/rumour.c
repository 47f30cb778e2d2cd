/* SPDX-License-Identifier: MPL-2.0 */
#include "mesh/rumour.h"

#include "mesh/field.h"
#include "mesh/timing.h"

/*
 * How this works:
 *
 *              accused                 time is up
 *     ALIVE ------------> SUSPECT --------------------> DEAD ---+
 *       ^  \                 | denied: higher              |    | a node of its name
 *       |   \ said goodbye   | incarnation                 |    | with another disk is up
 *       |    +-------------> LEFT -------------------------+----+--> REPLACED
 *       +-----------<--------+----------<------------------+
 *         a higher incarnation                     FORGOTTEN: from any state, and final
 *
 * A rumour of an incarnation below the known one is stale. ALIVE needs a higher one, so only
 * the node itself can make it; SUSPECT, LEFT and DEAD need an equal or higher one. What
 * changed the table is passed on; the state of the table is the rumour, so a newer one about
 * the same node takes the older one's place by itself.
 */

enum { RUMOUR_NUMBER_BITS = 40, INCARNATION_BOOT_SHIFT = 32 };

static const struct field language_fields[] = {FIELD(struct member_language, hash)};
static const struct field_table language_table =
    FIELD_TABLE(struct member_language, language_fields);

static const struct field meta_fields[] = {
    FIELD(struct member_meta, name),
    FIELD(struct member_meta, zone),
    FIELD(struct member_meta, endpoint),
    FIELD(struct member_meta, client_endpoint),
    FIELD(struct member_meta, isolation),
    FIELD(struct member_meta, slots),
    FIELD(struct member_meta, draining),
    FIELD(struct member_meta, born_ms),
    FIELD(struct member_meta, mute),
    FIELD_INLINE(struct member_meta, languages, n_languages, LIMIT_LANGUAGES, language_table),
};
static const struct field_table meta_table = FIELD_TABLE(struct member_meta, meta_fields);

static const struct field rumour_fields[] = {
    FIELD_MAX(struct rumour, state, MEMBER_STATE_N - 1),
    FIELD(struct rumour, nid),
    FIELD(struct rumour, incarnation),
    FIELD(struct rumour, by),
};
static const struct field_table rumour_table = FIELD_TABLE(struct rumour, rumour_fields);

struct rumour rumour_of(const struct roster_entry *e)
{
    return (struct rumour){.state = e->pub.state,
                           .nid = e->pub.nid,
                           .incarnation = e->pub.incarnation,
                           .by = e->accuser,
                           .has_meta = true,
                           .meta = e->pub.meta};
}

void rumour_put(struct buf *out, const struct rumour *r)
{
    wire_put_array(out, rumour_table.n + 1);
    field_put_members(out, &rumour_table, r);
    if (r->has_meta)
        field_put(out, &meta_table, &r->meta);
    else
        wire_put_nil(out);
}

void rumour_get(struct wire_reader *reader, struct rumour *ret_rumour)
{
    struct rumour r = {0};
    uint32_t n = wire_get_array(reader, LIMIT_WIRE_MEMBERS);

    if (n <= rumour_table.n)
        reader->bad = true;
    field_get_members(reader, &rumour_table, rumour_table.n, &r, NULL);
    if (!reader->bad && !wire_get_nil(reader)) {
        field_get(reader, &meta_table, &r.meta, NULL);
        r.has_meta = true;
    }
    for (uint32_t i = rumour_table.n + 1; i < n && !reader->bad; i++)
        wire_skip(reader);
    if (id_is_zero(&r.nid) || (r.state == MEMBER_ALIVE && !r.has_meta))
        reader->bad = true;
    *ret_rumour = r;
}

/* --- what changes ---------------------------------------------------------------------------- */

static bool languages_same(const struct member_meta *a, const struct member_meta *b)
{
    return a->n_languages == b->n_languages &&
           memcmp(a->languages, b->languages, a->n_languages * sizeof(a->languages[0])) == 0;
}

/* What it has once said is not what a mute one says: that may differ from table to table. */
static bool meta_same(const struct member_meta *a, const struct member_meta *b)
{
    return strcmp(a->name, b->name) == 0 && strcmp(a->zone, b->zone) == 0 &&
           strcmp(a->endpoint, b->endpoint) == 0 &&
           strcmp(a->client_endpoint, b->client_endpoint) == 0 &&
           strcmp(a->isolation, b->isolation) == 0 && a->slots == b->slots &&
           a->draining == b->draining && a->born_ms == b->born_ms && a->mute == b->mute &&
           (a->mute || languages_same(a, b));
}

static void rumour_rank(struct members *m, struct roster_entry *e)
{
    uint64_t newest_first = (UINT64_C(1) << RUMOUR_NUMBER_BITS) - 1 - e->rumour_number;

    heap_set(&m->rumours, &e->rumour,
             (uint64_t)e->rumour_sent << RUMOUR_NUMBER_BITS | newest_first);
}

void rumour_spread(struct members *m, struct roster_entry *e)
{
    e->rumour_sent = 0;
    e->rumour_number = ++m->rumour_numbers;
    rumour_rank(m, e);
}

static bool gone(const struct member *p)
{
    return p->state == MEMBER_DEAD || p->state == MEMBER_LEFT;
}

/* A name is a place (a StatefulSet's ordinal) and a nid is a disk: when another disk is up in
 * the place of one that is gone, the gone one will not come back. */
void rumour_settle(struct members *m, struct roster_entry *e, uint64_t now_ns)
{
    if (e->pub.meta.name[0] == '\0')
        return;
    for (uint32_t i = 0; i < m->n; i++) {
        struct roster_entry *o = m->all[i];

        if (o == e || strcmp(o->pub.meta.name, e->pub.meta.name) != 0)
            continue;
        if (member_is_up(&e->pub) && gone(&o->pub))
            roster_set_state(m, o, MEMBER_REPLACED, now_ns);
        else if (gone(&e->pub) && o->pub.state == MEMBER_ALIVE)
            roster_set_state(m, e, MEMBER_REPLACED, now_ns);
        else if (e->pub.state == MEMBER_ALIVE && o->pub.state == MEMBER_ALIVE)
            roster_output(m, MEMBER_OUT_CONFLICT, &e->pub.nid);
    }
}

/* This node was said to be in a state it is not in: say the contrary, louder. */
static void deny(struct members *m, uint64_t accused)
{
    struct roster_entry *self = roster_self(m);

    if (accused >> INCARNATION_BOOT_SHIFT > m->config.boot) {
        roster_output(m, MEMBER_OUT_AMNESIA, &self->pub.nid);
        return;
    }
    if (m->leaving)
        return;
    self->pub.incarnation = accused + 1;
    if (m->health < TIMING_HEALTH_MAX - 1)
        m->health++;
    rumour_spread(m, self);
    roster_output(m, MEMBER_OUT_REFUTED, &self->pub.nid);
}

static void hear_of_self(struct members *m, const struct rumour *r)
{
    struct roster_entry *self = roster_self(m);

    if (r->state == MEMBER_FORGOTTEN) {
        roster_output(m, MEMBER_OUT_FORGOTTEN, &self->pub.nid);
        return;
    }
    if (r->incarnation < self->pub.incarnation) {
        m->misheard = m->misheard || r->state != self->pub.state;
        return;
    }
    if (r->incarnation == self->pub.incarnation && r->state == self->pub.state &&
        (!r->has_meta || meta_same(&r->meta, &self->pub.meta)))
        return;
    deny(m, r->incarnation);
}

static void adopt_meta(struct members *m, struct roster_entry *e, const struct rumour *r)
{
    struct member_meta *meta = &e->pub.meta;
    struct member_meta before = *meta;

    if (!r->has_meta || meta_same(meta, &r->meta))
        return;
    *meta = r->meta;
    if (meta->mute && before.n_languages > 0) {
        meta->n_languages = before.n_languages;
        memcpy(meta->languages, before.languages, sizeof(meta->languages));
    }
    roster_output(m, MEMBER_OUT_META, &e->pub.nid);
}

static void hear_alive(struct members *m, struct roster_entry *e, const struct rumour *r,
                       uint64_t now_ns)
{
    bool new_life =
        e->pub.incarnation >> INCARNATION_BOOT_SHIFT != r->incarnation >> INCARNATION_BOOT_SHIFT;
    bool was_up = e->pub.state == MEMBER_ALIVE;

    if (r->incarnation <= e->pub.incarnation)
        return;
    if (new_life && e->pub.incarnation)
        roster_output(m, MEMBER_OUT_BOOT, &e->pub.nid);
    e->pub.incarnation = r->incarnation;
    e->accuser = r->by;
    adopt_meta(m, e, r);
    roster_set_state(m, e, MEMBER_ALIVE, now_ns);
    if (!was_up)
        rumour_settle(m, e, now_ns);
    rumour_spread(m, e);
}

static void hear_suspect(struct members *m, struct roster_entry *e, const struct rumour *r,
                         uint64_t now_ns)
{
    if (r->incarnation < e->pub.incarnation)
        return;
    if (e->pub.state == MEMBER_SUSPECT) {
        if (!suspicion_confirm(&e->suspicion, &r->by))
            return;
        heap_set(&m->suspicions, &e->suspicion_timer, suspicion_deadline(&e->suspicion));
        e->accuser = r->by;
        rumour_spread(m, e);
        return;
    }
    if (e->pub.state != MEMBER_ALIVE)
        return;
    e->pub.incarnation = r->incarnation;
    e->accuser = r->by;
    suspicion_init(&e->suspicion, &r->by, members_up(m), m->config.probe_ms, now_ns);
    roster_set_state(m, e, MEMBER_SUSPECT, now_ns);
    heap_set(&m->suspicions, &e->suspicion_timer, suspicion_deadline(&e->suspicion));
    rumour_spread(m, e);
}

/* Nobody else can say that a node left. */
static bool is_goodbye(const struct rumour *r)
{
    return r->state == MEMBER_LEFT && id_eq(&r->by, &r->nid);
}

static void hear_gone(struct members *m, struct roster_entry *e, const struct rumour *r,
                      uint64_t now_ns)
{
    enum member_state state = is_goodbye(r) ? MEMBER_LEFT : MEMBER_DEAD;

    if (r->incarnation < e->pub.incarnation || e->pub.state > MEMBER_DEAD)
        return;
    /* Who was away when it left, or was replaced, knows it as dead only. */
    if (e->pub.state == MEMBER_DEAD && r->state == MEMBER_REPLACED)
        state = MEMBER_REPLACED;
    if (e->pub.state == state)
        return;
    e->pub.incarnation = r->incarnation;
    e->accuser = r->by;
    roster_set_state(m, e, state, now_ns);
    rumour_settle(m, e, now_ns);
    rumour_spread(m, e);
}

static void hear_forgotten(struct members *m, struct roster_entry *e, const struct rumour *r,
                           uint64_t now_ns)
{
    e->accuser = r->by;
    roster_set_state(m, e, MEMBER_FORGOTTEN, now_ns);
    rumour_spread(m, e);
}

/* The first word of somebody. One who is said to be gone is taken in as accused: it may be
 * up, and then it will deny. */
static void hear_of_stranger(struct members *m, const struct rumour *r, uint64_t now_ns)
{
    struct rumour as = *r;
    struct roster_entry *e;

    if (!r->has_meta && r->state != MEMBER_FORGOTTEN)
        return;
    e = roster_add(m, &r->nid, r->state == MEMBER_FORGOTTEN ? r->state : MEMBER_ALIVE, now_ns);
    if (!e)
        return;
    e->pub.incarnation = r->incarnation;
    e->accuser = r->by;
    if (r->has_meta)
        e->pub.meta = r->meta;
    roster_output(m, MEMBER_OUT_STATE, &e->pub.nid);
    m->out[m->n_out - 1].before = m->out[m->n_out - 1].after = e->pub.state;
    rumour_spread(m, e);
    if (r->state == MEMBER_ALIVE)
        rumour_settle(m, e, now_ns);
    if (is_goodbye(r)) {
        hear_gone(m, e, r, now_ns);
    } else if (r->state != MEMBER_ALIVE && r->state != MEMBER_FORGOTTEN) {
        as.by = roster_self(m)->pub.nid;
        hear_suspect(m, e, &as, now_ns);
    }
}

void rumour_hear(struct members *m, const struct rumour *r, enum rumour_way way, uint64_t now_ns)
{
    struct roster_entry *e = roster_get(m, &r->nid);
    struct rumour as = *r;

    if (e == roster_self(m))
        return hear_of_self(m, r);
    if (!e)
        return hear_of_stranger(m, r, now_ns);
    if (e->pub.state == MEMBER_FORGOTTEN)
        return;
    switch (r->state) {
    case MEMBER_ALIVE:
        return hear_alive(m, e, r, now_ns);
    case MEMBER_SUSPECT:
        return hear_suspect(m, e, r, now_ns);
    case MEMBER_LEFT:
    case MEMBER_DEAD:
    case MEMBER_REPLACED:
        if (way == RUMOUR_GOSSIP || is_goodbye(r) || e->pub.state == MEMBER_DEAD)
            return hear_gone(m, e, r, now_ns);
        as.by = roster_self(m)->pub.nid;
        return hear_suspect(m, e, &as, now_ns);
    case MEMBER_FORGOTTEN:
        return hear_forgotten(m, e, r, now_ns);
    default:
        return;
    }
}

void rumour_accuse(struct members *m, struct roster_entry *e, uint64_t now_ns)
{
    struct rumour r = {.state = MEMBER_SUSPECT,
                       .nid = e->pub.nid,
                       .incarnation = e->pub.incarnation,
                       .by = roster_self(m)->pub.nid};

    m->accusations++;
    hear_suspect(m, e, &r, now_ns);
}

void rumour_expire(struct members *m, struct roster_entry *e, uint64_t now_ns)
{
    struct rumour r = {.state = MEMBER_DEAD,
                       .nid = e->pub.nid,
                       .incarnation = e->pub.incarnation,
                       .by = roster_self(m)->pub.nid};

    hear_gone(m, e, &r, now_ns);
}

/* --- passing on ------------------------------------------------------------------------------ */

/* The ones sent least so far, taken out of the order of sending. */
static uint32_t rumours_pick(struct members *m, struct roster_entry *picked[ROSTER_RUMOURS_MAX])
{
    struct heap_node *least;
    uint32_t n = 0;

    while (n < ROSTER_RUMOURS_MAX && (least = heap_min(&m->rumours))) {
        heap_remove(&m->rumours, least);
        picked[n++] = HEAP_OWNER(least, struct roster_entry, rumour);
    }
    return n;
}

void rumour_put_some(struct members *m, struct buf *out, const struct roster_entry *first)
{
    struct roster_entry *picked[ROSTER_RUMOURS_MAX];
    uint32_t limit = TIMING_RETRANSMIT_MULT * suspicion_spread(members_up(m));
    uint32_t n = rumours_pick(m, picked);
    uint32_t twice = 0;

    for (uint32_t i = 0; i < n; i++)
        twice += picked[i] == first;
    wire_put_array(out, n + (first && !twice));
    if (first) {
        struct rumour r = rumour_of(first);

        rumour_put(out, &r);
    }
    for (uint32_t i = 0; i < n; i++) {
        struct rumour r = rumour_of(picked[i]);

        if (picked[i] != first)
            rumour_put(out, &r);
        if (++picked[i]->rumour_sent < limit)
            rumour_rank(m, picked[i]);
    }
}

void rumour_put_all(const struct members *m, struct buf *out)
{
    wire_put_array(out, m->n);
    for (uint32_t i = 0; i < m->n; i++) {
        struct rumour r = rumour_of(m->all[i]);

        rumour_put(out, &r);
    }
}

void rumour_get_some(struct members *m, struct wire_reader *r, uint32_t max, enum rumour_way way,
                     uint64_t now_ns)
{
    struct wire_reader ahead;
    struct rumour heard;
    uint32_t n = wire_get_array(r, max);

    ahead = *r;
    for (uint32_t i = 0; i < n && !ahead.bad; i++)
        rumour_get(&ahead, &heard);
    if (ahead.bad) {
        r->bad = true;
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        rumour_get(r, &heard);
        rumour_hear(m, &heard, way, now_ns);
    }
}

void rumour_remind(struct members *m, struct roster_entry *e, uint64_t now_ns)
{
    struct buf *out;

    if (e->pub.state == MEMBER_ALIVE || e->pub.state == MEMBER_LEFT)
        return;
    if (e->reminded_ns && now_ns - e->reminded_ns < roster_ns(m->config.probe_ms))
        return;
    e->reminded_ns = now_ns;
    out = roster_payload(m);
    rumour_put_some(m, out, e);
    roster_send(m, &e->pub.nid, MEMBER_PAYLOAD_GOSSIP);
}
