/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/mesh/village.h"

#include "base/own.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const uint64_t ms_ns = 1000000;

struct letter {
    struct heap_node node;
    unsigned from, to;
    enum member_payload kind;
    size_t len;
    uint8_t bytes[];
};

struct id village_nid(unsigned i)
{
    return (struct id){{0xaa, (uint8_t)i, (uint8_t)(i * 37)}};
}

static unsigned number_of(const struct village *v, const struct id *nid)
{
    for (unsigned i = 0; i < v->n; i++) {
        if (id_eq(&v->who[i].nid, nid))
            return i;
    }
    return VILLAGE_MAX;
}

static void start(struct village *v, struct villager *w)
{
    struct member_config c = {.nid = w->nid, .boot = w->boot, .seed = rng_u64(&v->rng)};

    memcpy(c.meta.name, w->name, sizeof(w->name));
    c.meta.slots = 5;
    members_free(w->m);
    w->m = members_new(&c);
    members_start(w->m, v->now);
}

unsigned village_add(struct village *v, const struct id *nid, uint64_t boot, const char *name)
{
    struct villager *w = &v->who[v->n];

    *w = (struct villager){.nid = *nid, .boot = boot};
    (void)snprintf(w->name, sizeof(w->name), "%s", name);
    start(v, w);
    return v->n++;
}

void village_init(struct village *v, unsigned n, uint64_t seed)
{
    *v = (struct village){.now = 1000 * ms_ns};
    rng_init(&v->rng, seed);
    heap_init(&v->post);
    for (unsigned i = 0; i < n; i++) {
        struct id nid = village_nid(i);
        char name[16];

        (void)snprintf(name, sizeof(name), "n-%u", i);
        village_add(v, &nid, 1, name);
    }
}

void village_done(struct village *v)
{
    struct heap_node *first;

    while ((first = heap_min(&v->post))) {
        heap_remove(&v->post, first);
        free(HEAP_OWNER(first, struct letter, node));
    }
    heap_done(&v->post);
    for (unsigned i = 0; i < v->n; i++)
        members_free(v->who[i].m);
}

static void post(struct village *v, unsigned from, const struct member_output *o)
{
    unsigned to = number_of(v, &o->nid);
    struct letter *l;

    v->who[from].sent++;
    if (to == VILLAGE_MAX || v->who[from].down || v->who[to].down || rng_chance(&v->rng, v->loss))
        return;
    l = own_calloc(1, sizeof(*l) + o->payload.len);
    l->from = from;
    l->to = to;
    l->kind = o->kind;
    l->len = o->payload.len;
    memcpy(l->bytes, o->payload.data, l->len);
    heap_set(&v->post, &l->node, v->now + rng_between(&v->rng, ms_ns / 5, 3 * ms_ns));
}

void village_drain(struct village *v, unsigned i)
{
    struct villager *w = &v->who[i];
    uint32_t n;
    const struct member_output *o = members_outputs(w->m, &n);

    for (uint32_t k = 0; k < n; k++) {
        w->deaths += o[k].type == MEMBER_OUT_STATE && o[k].after == MEMBER_DEAD;
        w->refuted += o[k].type == MEMBER_OUT_REFUTED;
        w->amnesia += o[k].type == MEMBER_OUT_AMNESIA;
        w->forgotten += o[k].type == MEMBER_OUT_FORGOTTEN;
        w->boots += o[k].type == MEMBER_OUT_BOOT;
        w->conflicts += o[k].type == MEMBER_OUT_CONFLICT;
        if (o[k].type == MEMBER_OUT_NAMESAKE)
            w->yielded = w->down = true;
        if (o[k].type == MEMBER_OUT_SEND)
            post(v, i, &o[k]);
    }
    members_check(w->m);
}

static void deliver(struct village *v, struct letter *l)
{
    struct villager *to = &v->who[l->to];
    struct wire_reader r;

    if (!to->down && !v->who[l->from].down && to->side == v->who[l->from].side) {
        wire_reader_init(&r, l->bytes, l->len);
        assert_int_equal(members_recv(to->m, l->kind, &v->who[l->from].nid, &r, v->now), 0);
        assert_int_equal(wire_reader_end(&r), 0);
        village_drain(v, l->to);
    }
    free(l);
}

static unsigned next_villager(const struct village *v, uint64_t *ret_due)
{
    unsigned who = 0;

    *ret_due = UINT64_MAX;
    for (unsigned i = 0; i < v->n; i++) {
        uint64_t due = v->who[i].down ? UINT64_MAX : members_deadline(v->who[i].m);

        if (due < *ret_due) {
            *ret_due = due;
            who = i;
        }
    }
    return who;
}

/* The next thing to happen, if it is not after `until`. */
static bool step(struct village *v, uint64_t until)
{
    uint64_t due;
    unsigned who = next_villager(v, &due);
    struct heap_node *first = heap_min(&v->post);

    if (first && first->key <= due && first->key <= until) {
        heap_remove(&v->post, first);
        v->now = first->key;
        deliver(v, HEAP_OWNER(first, struct letter, node));
        return true;
    }
    if (due > until)
        return false;
    v->now = due > v->now ? due : v->now;
    members_tick(v->who[who].m, v->now);
    village_drain(v, who);
    return true;
}

void village_run_ms(struct village *v, uint64_t ms)
{
    uint64_t until = v->now + ms * ms_ns;

    while (step(v, until)) {
    }
    v->now = until;
}

enum member_state village_sees(const struct village *v, unsigned who, unsigned whom)
{
    const struct member *m = members_get(v->who[who].m, &v->who[whom].nid);

    return m ? m->state : MEMBER_STATE_N;
}

static bool all_see(const struct village *v, unsigned whom, enum member_state state)
{
    for (unsigned i = 0; i < v->n; i++) {
        if (i != whom && !v->who[i].down && village_sees(v, i, whom) != state)
            return false;
    }
    return true;
}

uint64_t village_until(struct village *v, unsigned i, enum member_state state, uint64_t ms)
{
    uint64_t from = v->now;
    uint64_t until = from + ms * ms_ns;

    while (!all_see(v, i, state)) {
        if (!step(v, until))
            return UINT64_MAX;
    }
    return (v->now - from) / ms_ns;
}

void village_restart(struct village *v, unsigned i)
{
    struct villager *w = &v->who[i];

    w->boot++;
    w->down = false;
    start(v, w);
}

static void hello(struct village *v, unsigned from, unsigned to)
{
    auto_buf struct buf b;
    struct wire_reader r;

    buf_init(&b, 4096);
    members_introduce(v->who[from].m, &b);
    wire_reader_init(&r, b.data, b.len);
    assert_int_equal(members_meet(v->who[to].m, &v->who[from].nid, &r, v->now), 0);
    assert_int_equal(wire_reader_end(&r), 0);
    village_drain(v, to);
}

void village_join(struct village *v, unsigned i, unsigned seed)
{
    hello(v, i, seed);
    hello(v, seed, i);
    members_join(v->who[i].m, &v->who[seed].nid, v->now);
    village_drain(v, i);
}

void village_settle(struct village *v)
{
    for (unsigned i = 1; i < v->n; i++)
        village_join(v, i, 0);
    village_run_ms(v, 5000);
    for (unsigned i = 0; i < v->n; i++)
        assert_int_equal(members_up(v->who[i].m), v->n);
}
