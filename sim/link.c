/* SPDX-License-Identifier: MPL-2.0 */
#include "sim/link.h"

#include "sim/world.h"

/*
 * How this works. Every frame in flight is an event that holds its link. It arrives when the
 * link's session still is what it was, or was cut behind it; the path is open; and the host at
 * the end lives the same life. On a blocked path it joins the lane's stuck list, and so does
 * every later one; the list moves on when the path opens, in order.
 */

enum {
    SIM_LINK_RETRY_MS = 100,      /* ZMQ_RECONNECT_IVL */
    SIM_LINK_RETRY_MAX_MS = 5000, /* ZMQ_RECONNECT_IVL_MAX */
    SIM_LINK_TIMEOUT_MS = 5000,   /* ZMQ_TCP_MAXRT */
    SIM_MAP_SEED = 2,
};

void sim_net_init(struct sim_world *w)
{
    struct sim_net *net = &w->net;

    net->n_hosts = w->n_hosts;
    net->blocked = own_calloc((size_t)w->n_hosts * w->n_hosts, 1);
    net->links = own_calloc(w->n_hosts, sizeof(struct map *));
    for (uint32_t i = 0; i < w->n_hosts; i++)
        net->links[i] = map_new(SIM_MAP_SEED);
    rng_init(&net->rng, w->setup.seed ^ 0x6e65740000000000u);
}

static void sim_link_unref(struct sim_link *l)
{
    if (--l->refs == 0)
        free(l);
}

static void sim_link_stuck_clear(struct sim_world *w, struct sim_link *l)
{
    for (int lane = 0; lane < SIM_LANES; lane++) {
        struct sim_lane *ln = &l->lanes[lane];

        while (ln->stuck_first) {
            struct sim_event *e = ln->stuck_first;

            ln->stuck_first = e->next;
            sim_queue_drop(&w->queue, e);
            sim_link_unref(l);
            w->net.lost++;
        }
        ln->stuck_last = NULL;
    }
}

/* Takes a link out of its host's table; frames in flight still hold it. */
static void sim_link_forget(struct sim_world *w, struct sim_link *l)
{
    l->state = SIM_LINK_DOWN;
    sim_link_stuck_clear(w, l);
    map_del(w->net.links[l->from], &l->number, sizeof(l->number));
    sim_link_unref(l);
}

void sim_net_done(struct sim_world *w)
{
    struct sim_net *net = &w->net;

    for (uint32_t i = 0; net->links && i < net->n_hosts; i++) {
        for (struct map_item *it = map_first(net->links[i]); it; it = map_next(it)) {
            struct sim_link *l = map_value(it);

            sim_link_stuck_clear(w, l);
            sim_link_unref(l);
        }
        map_free(net->links[i]);
    }
    for (size_t i = 0; i < w->queue.heap.len; i++) {
        struct sim_event *e = HEAP_OWNER(w->queue.heap.at[i], struct sim_event, node);

        if (e->object && !e->embedded)
            sim_link_unref(e->object);
        e->object = NULL;
    }
    free(net->links);
    free(net->blocked);
    *net = (struct sim_net){0};
}

bool sim_net_is_blocked(const struct sim_world *w, uint32_t from, uint32_t to)
{
    return w->net.blocked[from * w->n_hosts + to] != 0;
}

static uint64_t sim_net_delay(struct sim_world *w, size_t bytes)
{
    uint64_t mean = w->swarm.latency_us * SIM_US;
    uint64_t ns = rng_between(&w->net.rng, mean / 2, mean + mean / 2) + bytes;

    if (w->phase == SIM_PHASE_SAFETY && rng_chance(&w->net.rng, w->swarm.tail_ppm))
        ns *= 100;
    return ns;
}

static uint32_t sim_net_find(const struct sim_world *w, const char *endpoint)
{
    uint32_t at = w->n_hosts;

    if (sscanf(endpoint, "tcp://n%u:7946", &at) != 1 || at >= w->n_hosts)
        return w->n_hosts;
    return strcmp(w->hosts[at].endpoint, endpoint) == 0 ? at : w->n_hosts;
}

static bool sim_link_reachable(const struct sim_world *w, const struct sim_link *l)
{
    return l->to < w->n_hosts && w->hosts[l->to].mesh && !sim_net_is_blocked(w, l->from, l->to) &&
           !sim_net_is_blocked(w, l->to, l->from);
}

static void sim_link_say(struct sim_world *w, const struct sim_link *l, enum mesh_event_type what)
{
    struct mesh_event event = {.type = what, .link.link = l->number};

    if (w->hosts[l->from].life == l->from_life)
        sim_host_feed(w, &w->hosts[l->from], &event, NULL);
}

/* Tries to connect; `a` is how long to wait before the next try, in ms. */
static void sim_link_try_fire(struct sim_world *w, struct sim_event *e)
{
    struct sim_link *l = e->object;

    e->object = NULL;
    if (l->state == SIM_LINK_CONNECTING && w->hosts[l->from].life == l->from_life) {
        if (sim_link_reachable(w, l)) {
            l->state = SIM_LINK_UP;
            l->to_life = w->hosts[l->to].life;
            sim_link_say(w, l, MESH_EV_LINK_UP);
        } else {
            uint64_t wait = rng_between(&w->net.rng, e->a / 2, e->a);
            struct sim_event *again = sim_queue_add(&w->queue, wait * SIM_MS, sim_link_try_fire);

            l->refs++;
            again->object = l;
            again->a = e->a * 2 < SIM_LINK_RETRY_MAX_MS ? e->a * 2 : SIM_LINK_RETRY_MAX_MS;
        }
    }
    sim_link_unref(l);
}

void sim_net_connect(struct sim_world *w, struct sim_host *h, uint64_t number, const char *endpoint)
{
    struct sim_link *l = own_calloc(1, sizeof(*l));
    struct sim_event *e = sim_queue_add(&w->queue, 2 * sim_net_delay(w, 0), sim_link_try_fire);

    l->refs = 2;
    l->number = number;
    l->from = h->index;
    l->from_life = h->life;
    l->from_nid = h->nid;
    l->to = sim_net_find(w, endpoint);
    e->object = l;
    e->a = SIM_LINK_RETRY_MS;
    if (map_get(w->net.links[h->index], &number, sizeof(number)))
        sim_violate(w, SIM_I18, "%s: link number %llu is used twice", h->name,
                    (unsigned long long)number);
    else
        map_set(w->net.links[h->index], &number, sizeof(number), l);
}

void sim_net_disconnect(struct sim_world *w, struct sim_host *h, uint64_t number)
{
    struct sim_link *l = map_get(w->net.links[h->index], &number, sizeof(number));

    if (l)
        sim_link_forget(w, l);
}

/* The connection breaks: what is behind a random place in each lane is lost. */
static void sim_link_break(struct sim_world *w, struct sim_link *l)
{
    for (int lane = 0; lane < SIM_LANES; lane++) {
        struct sim_lane *ln = &l->lanes[lane];

        ln->cut = ln->sent - rng_between(&w->net.rng, 0, ln->in_flight);
    }
    l->refs++; /* the host may go down as it hears of it */
    sim_link_forget(w, l);
    sim_link_say(w, l, MESH_EV_LINK_DOWN);
    sim_link_unref(l);
}

static void sim_link_expire_fire(struct sim_world *w, struct sim_event *e)
{
    struct sim_link *l = e->object;
    bool dead_end;

    e->object = NULL;
    l->expiring = false;
    dead_end = l->to < w->n_hosts && w->hosts[l->to].life != l->to_life;
    if (l->state == SIM_LINK_UP && w->hosts[l->from].life == l->from_life &&
        (dead_end || l->lanes[0].stuck_first || l->lanes[1].stuck_first))
        sim_link_break(w, l);
    sim_link_unref(l);
}

/* Frames on it go nowhere: TCP notices after a while. */
static void sim_link_expire(struct sim_world *w, struct sim_link *l)
{
    struct sim_event *e;

    if (l->expiring)
        return;
    l->expiring = true;
    l->refs++;
    e = sim_queue_add(
        &w->queue, SIM_MS * rng_between(&w->net.rng, SIM_LINK_TIMEOUT_MS / 5, SIM_LINK_TIMEOUT_MS),
        sim_link_expire_fire);
    e->object = l;
}

static void sim_link_stick(struct sim_world *w, struct sim_link *l, struct sim_event *e)
{
    struct sim_lane *ln = &l->lanes[e->b];

    sim_queue_keep(e);
    e->next = NULL;
    if (ln->stuck_last)
        ln->stuck_last->next = e;
    else
        ln->stuck_first = e;
    ln->stuck_last = e;
    sim_link_expire(w, l);
}

static void sim_link_arrive_fire(struct sim_world *w, struct sim_event *e)
{
    struct sim_link *l = e->object;
    struct sim_lane *ln = &l->lanes[e->b];
    struct sim_host *to = &w->hosts[l->to];

    if (l->state == SIM_LINK_UP && (sim_net_is_blocked(w, l->from, l->to) || ln->stuck_first)) {
        sim_link_stick(w, l, e);
        return;
    }
    ln->in_flight--;
    e->object = NULL;
    if (to->life != l->to_life) {
        w->net.lost++;
        if (l->state == SIM_LINK_UP)
            sim_link_expire(w, l);
    } else if (l->state == SIM_LINK_DOWN && e->a > ln->cut) {
        w->net.lost++;
    } else {
        struct mesh_event event = {.type = MESH_EV_RECV};
        struct sim_host *from = &w->hosts[l->from];

        if (id_eq(&from->nid, &l->from_nid) && to->mesh)
            sim_watch_told(w, from, sim_blob_span(e->blob));
        event.recv.from = l->from_nid;
        event.recv.lane = (enum mesh_lane)e->b;
        event.recv.frame = sim_blob_span(e->blob);
        sim_host_feed(w, to, &event, STEAL(e->blob));
    }
    sim_link_unref(l);
}

static void sim_link_launch(struct sim_world *w, struct sim_link *l, uint32_t lane,
                            struct sim_blob *frame)
{
    struct sim_lane *ln = &l->lanes[lane];
    uint64_t at = w->queue.now_ns + sim_net_delay(w, frame->len);
    bool late = w->phase == SIM_PHASE_SAFETY && w->swarm.hostile &&
                rng_chance(&w->net.rng, w->swarm.reorder_ppm);
    struct sim_event *e;

    if (late)
        at += sim_net_delay(w, 0) * 20;
    else if (at <= ln->due_ns)
        at = ln->due_ns + 1;
    if (!late)
        ln->due_ns = at;
    e = sim_queue_add(&w->queue, at - w->queue.now_ns, sim_link_arrive_fire);
    e->object = l;
    e->a = ++ln->sent;
    e->b = lane;
    e->blob = frame;
    l->refs++;
    ln->in_flight++;
}

/* A copy with one bit turned over. */
static struct sim_blob *sim_net_flip(struct sim_world *w, struct span frame)
{
    struct sim_blob *b = sim_blob_new(frame);
    uint64_t bit = rng_below(&w->net.rng, frame.len * 8);

    b->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    return b;
}

void sim_net_send(struct sim_world *w, struct sim_host *h, const struct mesh_effect *fx)
{
    struct sim_link *l = map_get(w->net.links[h->index], &fx->send.link, sizeof(fx->send.link));
    const struct sim_swarm *s = &w->swarm;
    struct rng *rng = &w->net.rng;
    bool faulty = w->phase == SIM_PHASE_SAFETY;
    uint32_t lane = fx->send.lane == MESH_LANE_BULK;
    uint32_t copies = 1;

    if (!l || l->state != SIM_LINK_UP || fx->send.frame.len == 0)
        return;
    w->net.frames++;
    if (l->lanes[lane].in_flight >= (faulty ? s->window : 100000)) {
        w->net.lost++;
        return;
    }
    if (faulty && s->hostile && rng_chance(rng, s->loss_ppm))
        copies = 0;
    else if (faulty && s->hostile && rng_chance(rng, s->double_ppm))
        copies = 2;
    w->net.lost += copies == 0;
    for (; copies > 0; copies--) {
        bool flip = faulty && rng_chance(rng, s->flip_ppm);

        sim_link_launch(w, l, lane,
                        flip ? sim_net_flip(w, fx->send.frame) : sim_blob_new(fx->send.frame));
    }
}

/* A link broke and its end hears of it. */
static void sim_net_notice_fire(struct sim_world *w, struct sim_event *e)
{
    struct sim_link *l = e->object;

    e->object = NULL;
    if (l->state == SIM_LINK_UP && w->hosts[l->from].life == l->from_life)
        sim_link_break(w, l);
    sim_link_unref(l);
}

static void sim_net_notice(struct sim_world *w, struct sim_link *l)
{
    l->refs++;
    sim_queue_add(&w->queue, sim_net_delay(w, 0), sim_net_notice_fire)->object = l;
}

void sim_net_reset(struct sim_world *w, uint32_t from, uint32_t to)
{
    for (struct map_item *it = map_first(w->net.links[from]); it; it = map_next(it)) {
        struct sim_link *l = map_value(it);

        if (l->to == to && l->state == SIM_LINK_UP)
            sim_net_notice(w, l);
    }
}

void sim_net_host_down(struct sim_world *w, struct sim_host *h, bool silent)
{
    struct map_item *next;

    for (struct map_item *it = map_first(w->net.links[h->index]); it; it = next) {
        struct sim_link *l = map_value(it);

        next = map_next(it);
        for (int lane = 0; lane < SIM_LANES; lane++)
            l->lanes[lane].cut =
                l->lanes[lane].sent - rng_between(&w->net.rng, 0, l->lanes[lane].in_flight);
        sim_link_forget(w, l);
    }
    for (uint32_t i = 0; i < w->n_hosts; i++) {
        for (struct map_item *it = map_first(w->net.links[i]); it; it = map_next(it)) {
            struct sim_link *l = map_value(it);

            if (l->to != h->index || l->state != SIM_LINK_UP)
                continue;
            if (silent)
                sim_link_expire(w, l);
            else
                sim_net_notice(w, l);
        }
    }
}

void sim_net_block(struct sim_world *w, uint32_t from, uint32_t to)
{
    w->net.blocked[from * w->n_hosts + to]++;
    w->net.blocked_ns = w->queue.now_ns;
}

/* Frames that waited at a path that is open again go on, in their order. */
static void sim_net_unstick(struct sim_world *w, uint32_t from, uint32_t to)
{
    for (struct map_item *it = map_first(w->net.links[from]); it; it = map_next(it)) {
        struct sim_link *l = map_value(it);

        for (int lane = 0; l->to == to && lane < SIM_LANES; lane++) {
            struct sim_lane *ln = &l->lanes[lane];
            uint64_t at = w->queue.now_ns;

            while (ln->stuck_first) {
                struct sim_event *e = ln->stuck_first;

                ln->stuck_first = e->next;
                e->embedded = false;
                sim_queue_set(&w->queue, e, at++);
            }
            ln->stuck_last = NULL;
            if (ln->due_ns < at)
                ln->due_ns = at;
        }
    }
}

void sim_net_unblock(struct sim_world *w, uint32_t from, uint32_t to)
{
    uint8_t *blocked = &w->net.blocked[from * w->n_hosts + to];

    w->net.blocked_ns = w->queue.now_ns;
    if (*blocked && --*blocked == 0)
        sim_net_unstick(w, from, to);
}

void sim_net_heal(struct sim_world *w)
{
    for (uint32_t from = 0; from < w->n_hosts; from++) {
        for (uint32_t to = 0; to < w->n_hosts; to++) {
            w->net.blocked[from * w->n_hosts + to] = 0;
            sim_net_unstick(w, from, to);
        }
    }
}
