/* SPDX-License-Identifier: MPL-2.0 */
#include "api-bridge/peers.h"

#include "api-bridge/config.h"
#include "api-bridge/peer.h"
#include "base/own.h"

enum { PEERS_HELLO_MS = 1000 };

struct one {
    struct api_peers *all;
    unsigned number;
    struct api_peer *wire;
    char endpoint[LIMIT_ENDPOINT + 1];
    bool up, ready;
    uint64_t hello_ms;
};

struct api_peers {
    uv_loop_t *loop;
    const struct api_peers_events *events;
    void *ctx;
    unsigned n;
    struct one *at[API_PEERS_MAX];
};

struct api_peers *api_peers_new(uv_loop_t *loop, const struct api_peers_events *events, void *ctx)
{
    struct api_peers *p = own_calloc(1, sizeof(*p));

    p->loop = loop;
    p->events = events;
    p->ctx = ctx;
    return p;
}

void api_peers_free(struct api_peers *p)
{
    if (!p)
        return;
    for (unsigned i = 0; i < p->n; i++) {
        api_peer_free(p->at[i]->wire);
        free(p->at[i]);
    }
    free(p);
}

static void say_hello(struct one *o)
{
    struct message m = {.type = MESSAGE_HELLO};
    auto_buf struct buf frame;

    buf_init(&frame, LIMIT_FRAME_CONTROL);
    (void)snprintf(m.hello.client, sizeof(m.hello.client), "arena-bridge");
    o->hello_ms = uv_now(o->all->loop);
    if (message_encode(&m, &frame) == 0)
        (void)api_peer_send(o->wire, buf_span(&frame));
}

static void on_up(void *ctx)
{
    struct one *o = ctx;

    o->up = true;
    say_hello(o);
}

static void on_down(void *ctx)
{
    struct one *o = ctx;

    o->up = o->ready = false;
    o->all->events->lost(o->all->ctx, o->number);
}

static void on_welcome(struct one *o, const struct message *m)
{
    o->ready = true;
    for (uint32_t i = 0; i < m->welcome.n_endpoints; i++)
        (void)api_peers_add(o->all, m->welcome.endpoints[i], NULL); /* those we have will do */
    if (o->all->events->welcome)
        o->all->events->welcome(o->all->ctx, o->number, m);
}

static void on_frame(void *ctx, struct span frame)
{
    struct one *o = ctx;
    struct message m;

    if (message_decode(frame, &m, NULL) < 0)
        return;
    if (m.type == MESSAGE_WELCOME)
        on_welcome(o, &m);
    else
        o->all->events->message(o->all->ctx, o->number, &m);
    message_done(&m);
}

static void on_dropped(void *ctx)
{
    const struct one *o = ctx;

    if (o->all->events->dropped)
        o->all->events->dropped(o->all->ctx, o->number);
}

int api_peers_add(struct api_peers *p, const char *endpoint, struct err *err)
{
    static const struct api_peer_events events = {on_up, on_down, on_frame, on_dropped};
    struct one *o;

    if (p->n == API_PEERS_MAX || strncmp(endpoint, "tcp://", 6) != 0)
        return 0;
    for (unsigned i = 0; i < p->n; i++) {
        if (strcmp(p->at[i]->endpoint, endpoint) == 0)
            return 0;
    }
    o = own_calloc(1, sizeof(*o));
    o->all = p;
    o->number = p->n;
    (void)snprintf(o->endpoint, sizeof(o->endpoint), "%s", endpoint);
    o->wire = api_peer_new(p->loop, endpoint, &events, o, err);
    if (o->wire) {
        p->at[p->n++] = o;
        return 0;
    }
    free(o);
    return err ? -err->code : -1;
}

void api_peers_tick(struct api_peers *p)
{
    for (unsigned i = 0; i < p->n; i++) {
        struct one *o = p->at[i];

        if (o->up && !o->ready && uv_now(p->loop) - o->hello_ms >= PEERS_HELLO_MS)
            say_hello(o);
    }
}

unsigned api_peers_len(const struct api_peers *p)
{
    return p->n;
}

unsigned api_peers_up(const struct api_peers *p)
{
    unsigned n = 0;

    for (unsigned i = 0; i < p->n; i++)
        n += p->at[i]->ready;
    return n;
}

bool api_peers_ready(const struct api_peers *p, unsigned peer)
{
    return p->at[peer]->ready;
}

int api_peers_send(struct api_peers *p, unsigned peer, struct span frame)
{
    return api_peer_send(p->at[peer]->wire, frame);
}
