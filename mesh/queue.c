/* SPDX-License-Identifier: MPL-2.0 */
#include "mesh/queue.h"

#include "base/map.h"
#include "base/own.h"
#include "mesh/timing.h"

#include <assert.h>

/*
 * How this works. What a tenant has of one kind is a flow, with a lane in each class; a lane is a
 * heap of items by entry, and of each kind and class there is a heap of lanes by start tag:
 *
 *     delayed --(its time)--> lane of (tenant, kind, class) --(TIMING_AGE)--> lane above
 *                                 |
 *                             queue_take: least tag of the most urgent class, of kinds that fit
 *
 * Tags (start-time fair queueing): a lane that becomes busy starts at the later of the class's
 * virtual time and its tenant's last finish there; taking an item moves the virtual time to the
 * lane's start, and the tenant's finish behind it by the item's cost. The tenant's lanes of other
 * kinds then start too early: that is put right when one of them comes to be the first. A lane
 * whose kind nobody takes is left behind by the virtual time. A tenant without items
 * is kept until the virtual times have passed its finishes, else leaving and coming back would
 * wipe out what it has used.
 */

enum { QUEUE_SWEEP_FIRST = 64 };

static const uint64_t age_ns = TIMING_AGE * UINT64_C(1000000);

struct queue_lane {
    struct heap_node node; /* in its kind and class, by start tag */
    struct heap items;
    struct queue_flow *flow;
};

struct queue_flow {
    struct queue_tenant *tenant;
    struct queue_kind *kind;
    uint32_t items; /* ready and delayed */
    struct queue_lane lanes[LIMIT_PRIORITIES];
};

struct queue_tenant {
    char name[LIMIT_NAME + 1];
    uint32_t flows;
    uint64_t finish[LIMIT_PRIORITIES];
};

struct queue_kind {
    uint32_t number;
    uint32_t flows;
    struct heap lanes[LIMIT_PRIORITIES];
};

struct queue_class {
    uint64_t vtime;
    uint64_t finish_max;
    uint32_t ready;
};

struct queue {
    struct queue_class classes[LIMIT_PRIORITIES];
    struct heap ages;    /* ready, by since_ns */
    struct heap risings; /* ready, by when they rise */
    struct heap delays;  /* delayed, by when they become ready */
    struct map *tenants;
    struct map *kinds; /* those with items */
    struct map *flows; /* those with items */
    size_t sweep_at;
    uint64_t entries;
};

static struct queue_item *item_of_order(struct heap_node *n)
{
    return HEAP_OWNER(n, struct queue_item, order);
}

static struct queue_item *item_of_timer(struct heap_node *n)
{
    return HEAP_OWNER(n, struct queue_item, timer);
}

/* The tenant's own name is what its map entry is keyed by. */
static size_t tenant_key_len(const struct queue_tenant *t)
{
    return strlen(t->name) + 1;
}

static bool tenant_is_past(const struct queue *q, const struct queue_tenant *t)
{
    if (t->flows)
        return false;
    for (unsigned c = 0; c < LIMIT_PRIORITIES; c++) {
        if (t->finish[c] > q->classes[c].vtime)
            return false;
    }
    return true;
}

static void tenants_sweep(struct queue *q)
{
    struct map_item *next;

    for (struct map_item *it = map_first(q->tenants); it; it = next) {
        struct queue_tenant *t = map_value(it);

        next = map_next(it);
        if (!tenant_is_past(q, t))
            continue;
        map_del(q->tenants, t->name, tenant_key_len(t));
        free(t);
    }
    q->sweep_at = 2 * map_len(q->tenants);
    if (q->sweep_at < QUEUE_SWEEP_FIRST)
        q->sweep_at = QUEUE_SWEEP_FIRST;
}

static struct queue_tenant *tenant_get(struct queue *q, const char *name)
{
    struct queue_tenant *t;
    size_t len = strnlen(name, LIMIT_NAME);
    char key[LIMIT_NAME + 1] = {0};

    memcpy(key, name, len);
    t = map_get(q->tenants, key, len + 1);
    if (t)
        return t;
    if (map_len(q->tenants) >= q->sweep_at)
        tenants_sweep(q);
    t = own_calloc(1, sizeof(*t));
    memcpy(t->name, key, sizeof(key));
    map_set(q->tenants, t->name, len + 1, t);
    return t;
}

static struct queue_kind *kind_get(struct queue *q, uint32_t number)
{
    struct queue_kind *k = map_get(q->kinds, &number, sizeof(number));

    if (k)
        return k;
    k = own_calloc(1, sizeof(*k));
    k->number = number;
    for (unsigned c = 0; c < LIMIT_PRIORITIES; c++)
        heap_init(&k->lanes[c]);
    map_set(q->kinds, &number, sizeof(number), k);
    return k;
}

static void kind_free(struct queue_kind *k)
{
    for (unsigned c = 0; c < LIMIT_PRIORITIES; c++)
        heap_done(&k->lanes[c]);
    free(k);
}

struct flow_key {
    uint32_t kind;
    char tenant[LIMIT_NAME + 1];
};

static size_t flow_key_of(struct flow_key *key, const struct queue_tenant *t, uint32_t kind)
{
    key->kind = kind;
    memcpy(key->tenant, t->name, sizeof(t->name));
    return offsetof(struct flow_key, tenant) + tenant_key_len(t);
}

static struct queue_flow *flow_get(struct queue *q, struct queue_tenant *t, uint32_t kind)
{
    struct flow_key key;
    size_t len = flow_key_of(&key, t, kind);
    struct queue_flow *f = map_get(q->flows, &key, len);

    if (f)
        return f;
    f = own_calloc(1, sizeof(*f));
    f->tenant = t;
    f->kind = kind_get(q, kind);
    for (unsigned c = 0; c < LIMIT_PRIORITIES; c++) {
        heap_init(&f->lanes[c].items);
        f->lanes[c].flow = f;
    }
    t->flows++;
    f->kind->flows++;
    map_set(q->flows, &key, len, f);
    return f;
}

static void flow_free(struct queue_flow *f)
{
    for (unsigned c = 0; c < LIMIT_PRIORITIES; c++)
        heap_done(&f->lanes[c].items);
    free(f);
}

/* Its last item is out. */
static void flow_end(struct queue *q, struct queue_flow *f)
{
    struct queue_kind *k = f->kind;
    struct flow_key key;
    size_t len = flow_key_of(&key, f->tenant, k->number);

    map_del(q->flows, &key, len);
    f->tenant->flows--;
    flow_free(f);
    if (--k->flows > 0)
        return;
    map_del(q->kinds, &k->number, sizeof(k->number));
    kind_free(k);
}

struct queue *queue_new(uint64_t seed)
{
    struct queue *q = own_calloc(1, sizeof(*q));

    heap_init(&q->ages);
    heap_init(&q->risings);
    heap_init(&q->delays);
    q->tenants = map_new(seed);
    q->kinds = map_new(seed);
    q->flows = map_new(seed);
    q->sweep_at = QUEUE_SWEEP_FIRST;
    return q;
}

void queue_free(struct queue *q)
{
    if (!q)
        return;
    for (struct map_item *it = map_first(q->flows); it; it = map_next(it))
        flow_free(map_value(it));
    for (struct map_item *it = map_first(q->kinds); it; it = map_next(it))
        kind_free(map_value(it));
    for (struct map_item *it = map_first(q->tenants); it; it = map_next(it))
        free(map_value(it));
    map_free(q->flows);
    map_free(q->kinds);
    map_free(q->tenants);
    heap_done(&q->ages);
    heap_done(&q->risings);
    heap_done(&q->delays);
    free(q);
}

bool queue_has(const struct queue_item *it)
{
    return heap_has(&it->order) || heap_has(&it->timer);
}

bool queue_is_delayed(const struct queue_item *it)
{
    return !heap_has(&it->order) && heap_has(&it->timer);
}

/* Into the lane of its flow in class `class_now`. */
static void attach(struct queue *q, struct queue_item *it, uint8_t class_now)
{
    struct queue_class *c = &q->classes[class_now];
    struct queue_flow *f = it->lane->flow;
    struct queue_lane *lane = &f->lanes[class_now];
    uint64_t finish = f->tenant->finish[class_now];

    it->lane = lane;
    it->class_now = class_now;
    heap_set(&lane->items, &it->order, it->entry);
    if (!heap_has(&lane->node))
        heap_set(&f->kind->lanes[class_now], &lane->node, finish > c->vtime ? finish : c->vtime);
    c->ready++;
    if (class_now > 0) {
        uint64_t risen = (uint64_t)(it->class_asked - class_now) + 1;

        heap_set(&q->risings, &it->timer, it->since_ns + risen * age_ns);
    }
}

static void detach(struct queue *q, struct queue_item *it)
{
    struct queue_class *c = &q->classes[it->class_now];

    heap_remove(&q->risings, &it->timer);
    heap_remove(&it->lane->items, &it->order);
    if (!heap_min(&it->lane->items))
        heap_remove(&it->lane->flow->kind->lanes[it->class_now], &it->lane->node);
    c->ready--;
    if (c->ready == 0)
        c->vtime = c->finish_max; /* nobody waits: what was used before is settled */
}

static void make_ready(struct queue *q, struct queue_item *it, uint64_t now_ns)
{
    uint64_t risen = now_ns > it->since_ns ? (now_ns - it->since_ns) / age_ns : 0;
    uint8_t class_now = risen < it->class_asked ? (uint8_t)(it->class_asked - risen) : 0;

    it->entry = ++q->entries;
    heap_set(&q->ages, &it->age, it->since_ns);
    attach(q, it, class_now);
}

void queue_add(struct queue *q, struct queue_item *it, const struct queue_wish *wish,
               uint64_t now_ns)
{
    struct queue_flow *f = flow_get(q, tenant_get(q, wish->tenant), wish->kind);
    bool later = wish->not_before_ns > now_ns;

    assert(!queue_has(it) && wish->priority < LIMIT_PRIORITIES);
    it->since_ns = wish->since_ns ? wish->since_ns : later ? wish->not_before_ns : now_ns;
    it->cost = wish->cost < 1 ? 1 : wish->cost > QUEUE_COST_MAX ? QUEUE_COST_MAX : wish->cost;
    it->class_asked = it->class_now = wish->priority;
    it->lane = &f->lanes[wish->priority];
    f->items++;
    if (later)
        heap_set(&q->delays, &it->timer, wish->not_before_ns);
    else
        make_ready(q, it, now_ns);
}

void queue_remove(struct queue *q, struct queue_item *it)
{
    struct queue_flow *f;

    if (!queue_has(it))
        return;
    f = it->lane->flow;
    if (queue_is_delayed(it)) {
        heap_remove(&q->delays, &it->timer);
    } else {
        heap_remove(&q->ages, &it->age);
        detach(q, it);
    }
    it->lane = NULL;
    if (--f->items == 0)
        flow_end(q, f);
}

uint32_t queue_advance(struct queue *q, uint64_t now_ns)
{
    struct heap_node *n;
    uint32_t woken = 0;

    while ((n = heap_min(&q->delays)) && n->key <= now_ns) {
        heap_remove(&q->delays, n);
        make_ready(q, item_of_timer(n), now_ns);
        woken++;
    }
    while ((n = heap_min(&q->risings)) && n->key <= now_ns) {
        struct queue_item *it = item_of_timer(n);
        uint8_t above = (uint8_t)(it->class_now - 1);

        detach(q, it);
        attach(q, it, above);
    }
    return woken;
}

uint64_t queue_deadline(const struct queue *q)
{
    const struct heap_node *n = heap_min(&q->delays);

    return n ? n->key : UINT64_MAX;
}

/* The first lane of a kind. */
static struct queue_lane *lane_first(struct queue_kind *k, unsigned c)
{
    struct heap_node *n;

    while ((n = heap_min(&k->lanes[c]))) {
        struct queue_lane *lane = HEAP_OWNER(n, struct queue_lane, node);
        uint64_t finish = lane->flow->tenant->finish[c];

        if (n->key >= finish)
            return lane;
        heap_set(&k->lanes[c], n, finish); /* its tenant has used its turn for another kind */
    }
    return NULL;
}

static struct queue_item *lane_item(const struct queue_lane *lane)
{
    return item_of_order(heap_min(&lane->items));
}

/* What was passed over, because it did not fit, is first now; it has not saved up turns. */
static uint64_t lane_start(const struct queue_class *c, const struct queue_lane *lane)
{
    return lane->node.key > c->vtime ? lane->node.key : c->vtime;
}

static bool lane_before(const struct queue_class *c, const struct queue_lane *a,
                        const struct queue_lane *b)
{
    uint64_t start = lane_start(c, a);
    uint64_t other = lane_start(c, b);

    return start != other ? start < other : lane_item(a)->entry < lane_item(b)->entry;
}

/* Takes out the first item of a lane, at its tenant's charge. */
static struct queue_item *take(struct queue *q, struct queue_lane *lane, unsigned c)
{
    struct queue_class *of = &q->classes[c];
    struct queue_item *it = lane_item(lane);
    uint64_t finish;

    of->vtime = lane_start(of, lane);
    finish = of->vtime + it->cost;
    if (finish > of->finish_max)
        of->finish_max = finish;
    lane->flow->tenant->finish[c] = finish;
    heap_set(&lane->flow->kind->lanes[c], &lane->node, finish);
    queue_remove(q, it);
    return it;
}

struct queue_item *queue_take(struct queue *q, bool (*fits)(uint32_t kind, void *ctx), void *ctx)
{
    struct queue_lane *best = NULL;
    unsigned best_class = LIMIT_PRIORITIES;

    for (struct map_item *at = map_first(q->kinds); at; at = map_next(at)) {
        struct queue_kind *k = map_value(at);
        unsigned c = 0;

        while (c < LIMIT_PRIORITIES && !heap_min(&k->lanes[c]))
            c++;
        if (c == LIMIT_PRIORITIES || c > best_class || (fits && !fits(k->number, ctx)))
            continue;

        struct queue_lane *lane = lane_first(k, c);
        if (c < best_class || lane_before(&q->classes[c], lane, best)) {
            best = lane;
            best_class = c;
        }
    }
    return best ? take(q, best, best_class) : NULL;
}

bool queue_any(const struct queue *q, bool (*fits)(uint32_t kind, void *ctx), void *ctx)
{
    for (struct map_item *at = map_first(q->kinds); at; at = map_next(at)) {
        const struct queue_kind *k = map_value(at);
        bool ready = false;

        for (unsigned c = 0; c < LIMIT_PRIORITIES; c++)
            ready = ready || heap_min(&k->lanes[c]);
        if (ready && fits(k->number, ctx))
            return true;
    }
    return false;
}

uint32_t queue_len(const struct queue *q)
{
    return (uint32_t)q->ages.len;
}

uint32_t queue_len_of(const struct queue *q, uint8_t class_now)
{
    return class_now < LIMIT_PRIORITIES ? q->classes[class_now].ready : 0;
}

uint8_t queue_top(const struct queue *q)
{
    for (uint8_t c = 0; c < LIMIT_PRIORITIES; c++) {
        if (q->classes[c].ready)
            return c;
    }
    return LIMIT_PRIORITIES;
}

uint32_t queue_delayed(const struct queue *q)
{
    return (uint32_t)q->delays.len;
}

uint64_t queue_oldest_ns(const struct queue *q)
{
    const struct heap_node *n = heap_min(&q->ages);

    return n ? n->key : UINT64_MAX;
}

static uint32_t lane_check(const struct queue_class *c, const struct queue_lane *lane)
{
    assert(heap_has(&lane->node) == (lane->items.len > 0));
    assert(!heap_has(&lane->node) || lane->node.key <= c->finish_max);
    for (size_t i = 0; i < lane->items.len; i++) {
        const struct queue_item *it = item_of_order(lane->items.at[i]);

        assert(it->lane == lane && heap_has(&it->age));
        assert(it->class_now <= it->class_asked);
        assert(heap_has(&it->timer) == (it->class_now > 0));
    }
    return (uint32_t)lane->items.len;
}

void queue_check(const struct queue *q)
{
    uint32_t ready[LIMIT_PRIORITIES] = {0};
    uint32_t items = 0;
    uint32_t flows = 0;
    uint32_t sum = 0;

    for (struct map_item *it = map_first(q->flows); it; it = map_next(it)) {
        const struct queue_flow *f = map_value(it);

        assert(f->items > 0);
        items += f->items;
        for (unsigned c = 0; c < LIMIT_PRIORITIES; c++)
            ready[c] += lane_check(&q->classes[c], &f->lanes[c]);
    }
    for (struct map_item *it = map_first(q->kinds); it; it = map_next(it)) {
        const struct queue_kind *k = map_value(it);

        assert(k->flows > 0);
        flows += k->flows;
    }
    for (unsigned c = 0; c < LIMIT_PRIORITIES; c++) {
        assert(ready[c] == q->classes[c].ready);
        assert(q->classes[c].vtime <= q->classes[c].finish_max);
        sum += ready[c];
    }
    assert(flows == map_len(q->flows));
    assert(sum == queue_len(q) && items == sum + queue_delayed(q));
}
