/* SPDX-License-Identifier: MPL-2.0 */
#include "mesh/queue.h"

#include "base/map.h"
#include "base/own.h"
#include "mesh/timing.h"

#include <assert.h>

/*
 * How this works. A tenant has a lane in each class; a lane is a heap of items by entry, and
 * each class is a heap of its lanes by start tag:
 *
 *     delayed --(its time)--> lane of (tenant, class) --(TIMING_AGE)--> lane of the class above
 *                                 |
 *                             queue_take: least tag of the most urgent class
 *
 * All that stands apart has classes of its own beside them.
 *
 * Tags (start-time fair queueing): a lane that becomes busy starts at the later of the class's
 * virtual time and its own last finish; taking an item moves the virtual time to the lane's
 * start and the lane's finish behind it by the item's cost. A tenant without items is kept
 * until the virtual times have passed its finishes, else leaving and coming back would wipe
 * out what it has used.
 */

enum { QUEUE_SWEEP_FIRST = 64, QUEUE_CLASSES = 2 * LIMIT_PRIORITIES };

static const uint64_t age_ns = TIMING_AGE * UINT64_C(1000000);

struct queue_lane {
    struct heap_node node; /* in its class, by start tag */
    struct heap items;
    struct queue_tenant *tenant;
    uint64_t finish;
};

struct queue_tenant {
    char name[LIMIT_NAME + 1];
    uint32_t items; /* ready and delayed */
    struct queue_lane lanes[QUEUE_CLASSES];
};

struct queue_class {
    struct heap lanes;
    uint64_t vtime;
    uint64_t finish_max;
    uint32_t ready;
};

struct queue {
    struct queue_class classes[QUEUE_CLASSES]; /* those apart behind the others */
    struct heap ages;                          /* ready, by since_ns */
    struct heap risings;                       /* ready, by when they rise */
    struct heap delays;                        /* delayed, by when they become ready */
    struct map *tenants;
    size_t sweep_at;
    uint64_t entries;
};

static struct queue_item *item_of_order(struct heap_node *n)
{
    return HEAP_OWNER(n, struct queue_item, order);
}

/* Which of the queue's classes a class is, here or apart. */
static unsigned slot_of(const struct queue_item *it, uint8_t class_now)
{
    return it->apart ? LIMIT_PRIORITIES + class_now : class_now;
}

static struct queue_class *class_of(struct queue *q, const struct queue_item *it)
{
    return &q->classes[slot_of(it, it->class_now)];
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

static void tenant_free(struct queue_tenant *t)
{
    for (unsigned c = 0; c < QUEUE_CLASSES; c++)
        heap_done(&t->lanes[c].items);
    free(t);
}

static bool tenant_is_past(const struct queue *q, const struct queue_tenant *t)
{
    if (t->items)
        return false;
    for (unsigned c = 0; c < QUEUE_CLASSES; c++) {
        if (t->lanes[c].finish > q->classes[c].vtime)
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
        tenant_free(t);
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
    for (unsigned c = 0; c < QUEUE_CLASSES; c++) {
        heap_init(&t->lanes[c].items);
        t->lanes[c].tenant = t;
    }
    map_set(q->tenants, t->name, len + 1, t);
    return t;
}

struct queue *queue_new(uint64_t seed)
{
    struct queue *q = own_calloc(1, sizeof(*q));

    for (unsigned c = 0; c < QUEUE_CLASSES; c++)
        heap_init(&q->classes[c].lanes);
    heap_init(&q->ages);
    heap_init(&q->risings);
    heap_init(&q->delays);
    q->tenants = map_new(seed);
    q->sweep_at = QUEUE_SWEEP_FIRST;
    return q;
}

void queue_free(struct queue *q)
{
    if (!q)
        return;
    for (struct map_item *it = map_first(q->tenants); it; it = map_next(it))
        tenant_free(map_value(it));
    map_free(q->tenants);
    for (unsigned c = 0; c < QUEUE_CLASSES; c++)
        heap_done(&q->classes[c].lanes);
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

/* Into the lane of its tenant in class `class_now`. */
static void attach(struct queue *q, struct queue_item *it, uint8_t class_now)
{
    struct queue_class *c = &q->classes[slot_of(it, class_now)];
    struct queue_lane *lane = &it->lane->tenant->lanes[slot_of(it, class_now)];

    it->lane = lane;
    it->class_now = class_now;
    heap_set(&lane->items, &it->order, it->entry);
    if (!heap_has(&lane->node))
        heap_set(&c->lanes, &lane->node, lane->finish > c->vtime ? lane->finish : c->vtime);
    c->ready++;
    if (class_now > 0) {
        uint64_t risen = (uint64_t)(it->class_asked - class_now) + 1;

        heap_set(&q->risings, &it->timer, it->since_ns + risen * age_ns);
    }
}

static void detach(struct queue *q, struct queue_item *it)
{
    struct queue_class *c = class_of(q, it);

    heap_remove(&q->risings, &it->timer);
    heap_remove(&it->lane->items, &it->order);
    if (!heap_min(&it->lane->items))
        heap_remove(&c->lanes, &it->lane->node);
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
    struct queue_tenant *t = tenant_get(q, wish->tenant);
    bool later = wish->not_before_ns > now_ns;

    assert(!queue_has(it) && wish->priority < LIMIT_PRIORITIES);
    it->since_ns = wish->since_ns ? wish->since_ns : later ? wish->not_before_ns : now_ns;
    it->cost = wish->cost < 1 ? 1 : wish->cost > QUEUE_COST_MAX ? QUEUE_COST_MAX : wish->cost;
    it->class_asked = it->class_now = wish->priority;
    it->apart = wish->apart;
    it->lane = &t->lanes[slot_of(it, wish->priority)];
    t->items++;
    if (later)
        heap_set(&q->delays, &it->timer, wish->not_before_ns);
    else
        make_ready(q, it, now_ns);
}

void queue_remove(struct queue *q, struct queue_item *it)
{
    if (!queue_has(it))
        return;
    it->lane->tenant->items--;
    if (queue_is_delayed(it)) {
        heap_remove(&q->delays, &it->timer);
    } else {
        heap_remove(&q->ages, &it->age);
        detach(q, it);
    }
    it->lane = NULL;
}

void queue_set_apart(struct queue *q, struct queue_item *it, bool apart, uint64_t now_ns)
{
    char tenant[LIMIT_NAME + 1];
    struct queue_wish wish = {.tenant = tenant,
                              .priority = it->class_asked,
                              .cost = it->cost,
                              .since_ns = it->since_ns,
                              .not_before_ns = queue_is_delayed(it) ? it->timer.key : 0,
                              .apart = apart};

    memcpy(tenant, it->lane->tenant->name, sizeof(tenant));
    queue_remove(q, it);
    queue_add(q, it, &wish, now_ns);
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

/* A search that sets aside what does not fit. */
struct look {
    bool (*fits)(const struct queue_item *it, void *ctx);
    void *ctx;
    uint32_t n;
    struct queue_item *aside[QUEUE_LOOK_MAX];
};

static struct queue_item *class_find(struct queue_class *c, struct look *look)
{
    struct heap_node *first;

    while ((first = heap_min(&c->lanes))) {
        struct queue_lane *lane = HEAP_OWNER(first, struct queue_lane, node);
        struct queue_item *it = item_of_order(heap_min(&lane->items));

        if (!look->fits || look->fits(it, look->ctx))
            return it;
        if (look->n == QUEUE_LOOK_MAX)
            return NULL;
        look->aside[look->n++] = it;
        heap_remove(&lane->items, &it->order);
        if (!heap_min(&lane->items))
            heap_remove(&c->lanes, &lane->node);
    }
    return NULL;
}

static void put_back(struct queue *q, struct look *look)
{
    for (uint32_t i = 0; i < look->n; i++) {
        struct queue_item *it = look->aside[i];
        struct queue_lane *lane = it->lane;

        heap_set(&lane->items, &it->order, it->entry);
        if (!heap_has(&lane->node))
            heap_set(&class_of(q, it)->lanes, &lane->node, lane->node.key);
    }
}

/* Lanes that were passed over keep their turn: virtual time stays with the first of them. */
static void charge(struct queue_class *c, struct queue_lane *lane, uint32_t cost)
{
    c->vtime = heap_min(&c->lanes)->key;
    lane->finish = lane->node.key + cost;
    if (lane->finish > c->finish_max)
        c->finish_max = lane->finish;
    heap_set(&c->lanes, &lane->node, lane->finish);
}

struct queue_item *queue_take(struct queue *q, bool apart,
                              bool (*fits)(const struct queue_item *it, void *ctx), void *ctx)
{
    struct look look = {.fits = fits, .ctx = ctx};
    struct queue_item *it = NULL;

    for (unsigned c = 0; c < LIMIT_PRIORITIES && !it; c++) {
        if (apart)
            it = class_find(&q->classes[LIMIT_PRIORITIES + c], &look);
        if (!it)
            it = class_find(&q->classes[c], &look);
    }
    put_back(q, &look);
    if (!it)
        return NULL;
    charge(class_of(q, it), it->lane, it->cost);
    queue_remove(q, it);
    return it;
}

uint32_t queue_len(const struct queue *q)
{
    return (uint32_t)q->ages.len;
}

uint32_t queue_len_here(const struct queue *q)
{
    uint32_t n = 0;

    for (unsigned c = 0; c < LIMIT_PRIORITIES; c++)
        n += q->classes[c].ready;
    return n;
}

uint32_t queue_len_of(const struct queue *q, uint8_t class_now)
{
    if (class_now >= LIMIT_PRIORITIES)
        return 0;
    return q->classes[class_now].ready + q->classes[LIMIT_PRIORITIES + class_now].ready;
}

uint8_t queue_top(const struct queue *q)
{
    uint8_t c = 0;

    while (c < LIMIT_PRIORITIES && queue_len_of(q, c) == 0)
        c++;
    return c;
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
    assert(!heap_has(&lane->node) || lane->node.key >= c->vtime);
    assert(lane->finish <= c->finish_max);
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
    uint32_t ready[QUEUE_CLASSES] = {0};
    uint32_t items = 0;
    uint32_t sum = 0;

    for (struct map_item *it = map_first(q->tenants); it; it = map_next(it)) {
        const struct queue_tenant *t = map_value(it);

        items += t->items;
        for (unsigned c = 0; c < QUEUE_CLASSES; c++)
            ready[c] += lane_check(&q->classes[c], &t->lanes[c]);
    }
    for (unsigned c = 0; c < QUEUE_CLASSES; c++) {
        assert(ready[c] == q->classes[c].ready);
        sum += ready[c];
    }
    assert(sum == queue_len(q) && items == sum + queue_delayed(q));
}
