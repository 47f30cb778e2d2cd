/* SPDX-License-Identifier: MPL-2.0 */
#include "mesh/roster.h"

struct roster_entry *roster_get(const struct members *m, const struct id *nid)
{
    return map_get(m->by_nid, nid->b, sizeof(nid->b));
}

static void drop(struct members *m, uint32_t i)
{
    struct roster_entry *e = m->all[i];

    map_del(m->by_nid, e->pub.nid.b, sizeof(e->pub.nid.b));
    heap_remove(&m->suspicions, &e->suspicion_timer);
    heap_remove(&m->rumours, &e->rumour);
    heap_remove(&m->probes, &e->probe_timer);
    m->count[e->pub.state]--;
    m->n--;
    memmove(&m->all[i], &m->all[i + 1], (m->n - i) * sizeof(struct roster_entry *));
    for (uint32_t j = 0; j <= m->n; j++) {
        if (m->order[j] == e) {
            m->order[j] = m->order[m->n];
            break;
        }
    }
    free(e);
}

/* The one gone longest whose copies nobody waits for any more. */
static bool make_room(struct members *m)
{
    uint32_t oldest = 0;

    for (uint32_t i = 1; i < m->n; i++) {
        const struct member *p = &m->all[i]->pub;

        if (p->state != MEMBER_LEFT && p->state != MEMBER_REPLACED)
            continue;
        if (!oldest || p->since_ns < m->all[oldest]->pub.since_ns)
            oldest = i;
    }
    if (oldest)
        drop(m, oldest);
    return oldest != 0;
}

static void there(struct members *m, struct roster_entry *e, uint64_t now_ns)
{
    e->pub.there_ns = now_ns;
    m->changed_ns = now_ns;
}

struct roster_entry *roster_add(struct members *m, const struct id *nid, enum member_state state,
                                uint64_t now_ns)
{
    struct roster_entry *e;
    uint32_t place;

    if (m->n >= LIMIT_NODES && !make_room(m))
        return NULL;
    if (m->n == m->cap) {
        m->cap = m->cap ? 2 * m->cap : 16;
        m->all = own_realloc(m->all, m->cap * sizeof(struct roster_entry *));
        m->order = own_realloc(m->order, m->cap * sizeof(struct roster_entry *));
    }
    e = own_calloc(1, sizeof(*e));
    e->pub = (struct member){.nid = *nid, .state = state, .since_ns = now_ns, .known_ns = now_ns};
    if (m->started)
        there(m, e, now_ns);
    map_set(m->by_nid, e->pub.nid.b, sizeof(e->pub.nid.b), e);
    /* At a random place in the round, so that how long it waits for its first probe is bounded
     * and not the same everywhere. */
    place = (uint32_t)rng_below(&m->rng, m->n + 1u);
    m->order[m->n] = m->order[place];
    m->order[place] = e;
    m->all[m->n++] = e;
    m->count[state]++;
    return e;
}

void roster_set_state(struct members *m, struct roster_entry *e, enum member_state state,
                      uint64_t now_ns)
{
    enum member_state before = e->pub.state;

    if (state != MEMBER_SUSPECT)
        heap_remove(&m->suspicions, &e->suspicion_timer);
    if (before == state)
        return;
    m->count[before]--;
    m->count[state]++;
    e->pub.state = state;
    e->pub.since_ns = now_ns;
    if (!member_is_there(before) && member_is_there(state))
        there(m, e, now_ns);
    else if (!member_is_there(state))
        m->changed_ns = now_ns;
    if (!member_is_up(&e->pub))
        heap_remove(&m->probes, &e->probe_timer);
    roster_output(m, MEMBER_OUT_STATE, &e->pub.nid);
    m->out[m->n_out - 1].before = before;
    m->out[m->n_out - 1].after = state;
}

uint32_t roster_draw(struct members *m,
                     bool (*fits)(const struct members *m, const struct roster_entry *e,
                                  uint64_t ctx),
                     uint64_t ctx, struct roster_entry **ret, uint32_t n)
{
    enum { AHEAD = 8 }; /* entries on the way from memory */
    uint32_t seen = 0;

    /* Reservoir sampling (Vitter 1985, algorithm R): one pass, nothing allocated. */
    for (uint32_t i = 1; i < m->n; i++) {
        uint64_t place;

        __builtin_prefetch(&m->all[i + AHEAD < m->n ? i + AHEAD : i]->pub.state);
        if (!fits(m, m->all[i], ctx))
            continue;
        place = seen < n ? seen : rng_below(&m->rng, seen + 1u);
        if (place < n)
            ret[place] = m->all[i];
        seen++;
    }
    return seen < n ? seen : n;
}

void roster_begin(struct members *m)
{
    if (!m->taken)
        return;
    for (uint32_t i = 0; i < m->n_out; i++)
        free((void *)(uintptr_t)m->out[i].payload.data);
    m->n_out = 0;
    m->taken = false;
}

void roster_output(struct members *m, enum member_output_type type, const struct id *nid)
{
    if (m->n_out == m->cap_out) {
        m->cap_out = m->cap_out ? 2 * m->cap_out : 16;
        m->out = own_realloc(m->out, m->cap_out * sizeof(*m->out));
    }
    m->out[m->n_out++] = (struct member_output){.type = type, .nid = *nid};
}

struct buf *roster_payload(struct members *m)
{
    buf_reset(&m->scratch);
    return &m->scratch;
}

void roster_send(struct members *m, const struct id *to, enum member_payload kind)
{
    struct member_output *o;

    if (m->scratch.full)
        return;
    roster_output(m, MEMBER_OUT_SEND, to);
    o = &m->out[m->n_out - 1];
    o->kind = kind;
    o->payload.data = own_memdup(m->scratch.data, m->scratch.len);
    o->payload.len = m->scratch.len;
}
