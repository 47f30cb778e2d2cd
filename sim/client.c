/* SPDX-License-Identifier: MPL-2.0 */
#include "sim/client.h"

#include "sim/world.h"

enum { SIM_CLIENTS_SEED = 4, SIM_FRAME_MAX = 16 * LIMIT_MIB };

void sim_clients_init(struct sim_world *w)
{
    struct sim_clients *c = &w->clients;

    *c = (struct sim_clients){.asks = map_new(SIM_CLIENTS_SEED)};
    c->connections = own_calloc((size_t)w->n_hosts * SIM_CLIENTS_CONNECTIONS, sizeof(uint64_t));
    rng_init(&c->rng, w->setup.seed ^ 0x636c69656e740000u);
}

void sim_clients_done(struct sim_world *w)
{
    struct sim_clients *c = &w->clients;

    if (!c->asks)
        return;
    for (struct map_item *it = map_first(c->asks); it; it = map_next(it)) {
        struct sim_ask *ask = map_value(it);

        sim_queue_remove(&w->queue, &ask->timeout);
        free(ask);
    }
    map_free(c->asks);
    for (uint32_t i = 0; i < c->n_intents; i++)
        sim_blob_free(c->intents[i].spec);
    free(c->intents);
    free(c->connections);
    *c = (struct sim_clients){0};
}

static uint64_t sim_clients_delay(struct sim_world *w)
{
    uint64_t mean = w->swarm.latency_us;

    return SIM_US * rng_between(&w->clients.rng, mean / 2, mean + mean / 2);
}

static void sim_ask_free(struct sim_world *w, struct sim_ask *ask)
{
    map_del(w->clients.asks, &ask->token, sizeof(ask->token));
    sim_queue_remove(&w->queue, &ask->timeout);
    free(ask);
}

static void sim_ask_timeout_fire(struct sim_world *w, struct sim_event *e)
{
    struct sim_ask *ask = HEAP_OWNER(&e->node, struct sim_ask, timeout.node);
    struct sim_ask copy = *ask;

    w->clients.silent++;
    sim_ask_free(w, ask);
    if (copy.intent != UINT32_MAX)
        sim_intent_silence(w, &copy);
}

/* The frame in `blob` reaches the host on connection `a`; `b`: it is new. */
static void sim_clients_arrive_fire(struct sim_world *w, struct sim_event *e)
{
    struct sim_host *h = &w->hosts[e->host];
    struct mesh_event event = {.type = MESH_EV_CLIENT, .client.client = e->a};

    if (h->life != e->life)
        return;
    event.client.frame = sim_blob_span(e->blob);
    sim_host_feed(w, h, &event, STEAL(e->blob));
}

static void sim_clients_send(struct sim_world *w, struct sim_host *h, uint64_t connection,
                             struct message *m, uint64_t delay)
{
    auto_buf struct buf out;
    struct sim_event *e;

    m->token = ++w->clients.next_token;
    buf_init(&out, SIM_FRAME_MAX);
    if (message_encode(m, &out) < 0)
        return;
    e = sim_queue_add(&w->queue, delay, sim_clients_arrive_fire);
    e->host = h->index;
    e->life = h->life;
    e->a = connection;
    e->blob = sim_blob_new(buf_span(&out));
}

/* One of the connections to `h`, opened when need be; the mesh hears HELLO first. */
static uint64_t sim_clients_connection(struct sim_world *w, struct sim_host *h, uint64_t delay)
{
    struct sim_clients *c = &w->clients;
    uint64_t at = h->index * SIM_CLIENTS_CONNECTIONS + rng_below(&c->rng, SIM_CLIENTS_CONNECTIONS);
    struct message hello = {.type = MESSAGE_HELLO};

    if (c->connections[at])
        return c->connections[at];
    c->connections[at] = ++c->next_connection;
    snprintf(hello.hello.client, sizeof(hello.hello.client), "sim");
    sim_clients_send(w, h, c->connections[at], &hello, delay);
    return c->connections[at];
}

static void sim_clients_gone_fire(struct sim_world *w, struct sim_event *e)
{
    struct sim_host *h = &w->hosts[e->host];
    struct mesh_event event = {.type = MESH_EV_CLIENT_GONE, .client.client = e->a};

    for (uint32_t i = 0; i < SIM_CLIENTS_CONNECTIONS; i++) {
        uint64_t *at = &w->clients.connections[e->host * SIM_CLIENTS_CONNECTIONS + i];

        if (*at == e->a)
            *at = 0;
    }
    if (h->life == e->life)
        sim_host_feed(w, h, &event, NULL);
}

void sim_clients_ask(struct sim_world *w, struct sim_host *h, uint32_t intent, struct message *m,
                     uint64_t timeout_ns)
{
    struct sim_clients *c = &w->clients;
    struct sim_ask *ask = own_calloc(1, sizeof(*ask));
    uint64_t delay = sim_clients_delay(w);
    uint64_t connection = sim_clients_connection(w, h, delay);

    sim_clients_send(w, h, connection, m, delay + SIM_US);
    ask->token = m->token;
    ask->connection = connection;
    ask->host = h->index;
    ask->intent = intent;
    ask->type = m->type;
    if (m->type != MESSAGE_SUBMIT && m->type != MESSAGE_FORGET && m->type != MESSAGE_LIST)
        ask->jid = m->job.jid;
    ask->timeout.embedded = true;
    ask->timeout.fire = sim_ask_timeout_fire;
    sim_queue_set(&w->queue, &ask->timeout, w->queue.now_ns + timeout_ns);
    map_set(c->asks, &ask->token, sizeof(ask->token), ask);
    if (w->phase == SIM_PHASE_SAFETY && rng_chance(&c->rng, w->swarm.gone_ppm)) {
        struct sim_event *e =
            sim_queue_add(&w->queue, rng_below(&c->rng, 200 * SIM_MS), sim_clients_gone_fire);

        e->host = h->index;
        e->life = h->life;
        e->a = connection;
    }
}

void sim_clients_forget(struct sim_world *w, const struct id *nid)
{
    struct sim_host *h = sim_host_any_up(w, &w->clients.rng);
    struct message m = {.type = MESSAGE_FORGET, .node.nid = *nid};

    if (h)
        sim_clients_ask(w, h, UINT32_MAX, &m, 5 * SIM_S);
}

/* A frame reaches the client. */
static void sim_clients_hear_fire(struct sim_world *w, struct sim_event *e)
{
    struct message m;
    struct sim_ask *ask;
    struct sim_ask copy;

    if (message_decode(sim_blob_span(e->blob), &m, NULL) < 0) {
        sim_violate(w, SIM_I18, "n%u: a client is sent a frame that cannot be read", e->host);
        return;
    }
    ask = map_get(w->clients.asks, &m.token, sizeof(m.token));
    if (ask) {
        copy = *ask;
        if (m.type != MESSAGE_EVENT || m.event.kind == MESSAGE_EVENT_DECIDED)
            sim_ask_free(w, ask);
        w->clients.answered++;
        if (copy.intent != UINT32_MAX)
            sim_intent_answer(w, &copy, &m);
        else if (m.type == MESSAGE_JOBS)
            sim_callbacks_owed(w, &m);
    }
    message_done(&m);
}

static bool sim_clients_open(const struct sim_world *w, uint32_t host, uint64_t connection)
{
    for (uint32_t i = 0; i < SIM_CLIENTS_CONNECTIONS; i++) {
        if (w->clients.connections[host * SIM_CLIENTS_CONNECTIONS + i] == connection)
            return true;
    }
    return false;
}

/* What leaves the host is judged at once, whether or not a client is left to hear it. */
static void sim_clients_judge(struct sim_world *w, struct sim_host *h, struct span frame)
{
    struct message m;
    struct sim_ask *ask;

    if (message_decode(frame, &m, NULL) < 0)
        return;
    ask = map_get(w->clients.asks, &m.token, sizeof(m.token));
    if (m.type == MESSAGE_ACCEPTED)
        sim_watch_ack(w, h, &m.accepted.jid, ask ? ask->intent : UINT32_MAX);
    if (m.type == MESSAGE_DONE && ask && ask->type == MESSAGE_CANCEL)
        sim_watch_cancelled(w, &ask->jid);
    if (m.type == MESSAGE_JOB && message_state_final(m.view.state))
        sim_watch_view(w, h, &m.view);
    message_done(&m);
}

void sim_clients_answer(struct sim_world *w, struct sim_host *h, uint64_t connection,
                        struct span frame)
{
    struct sim_event *e;

    if (h->rogue)
        return;
    if (!w->history.off)
        sim_clients_judge(w, h, frame);
    if (!sim_clients_open(w, h->index, connection))
        return;
    e = sim_queue_add(&w->queue, sim_clients_delay(w), sim_clients_hear_fire);
    e->host = h->index;
    e->blob = sim_blob_new(frame);
}

void sim_clients_host_down(struct sim_world *w, struct sim_host *h)
{
    for (uint32_t i = 0; i < SIM_CLIENTS_CONNECTIONS; i++)
        w->clients.connections[h->index * SIM_CLIENTS_CONNECTIONS + i] = 0;
}
