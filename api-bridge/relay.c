/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works
 *
 *   SEEKING --sent--> ASKED --SESSION_OPENED--> TAKEN --SESSION_CLOSED--> OVER
 *      ^                |  refused, silent, wire lost      |  silent, wire lost
 *      +----------------+                                  +--> OVER (failed: lost)
 *
 * A talk's token goes with each of its messages; what comes from another peer than its own is
 * dropped. A talk is freed by its owner; one that is over only waits for that. Those that are to
 * fail do so from the tick, never inside a call of the owner.
 */
#include "api-bridge/relay.h"

#include "api-bridge/config.h"
#include "api-bridge/peers.h"
#include "api-bridge/refusal.h"
#include "base/map.h"
#include "base/own.h"

enum {
    RELAY_TRY_MS = 3000,  /* for a peer to take it or refuse it */
    RELAY_HOLD_MS = 4000, /* for any peer to be there */
};

enum talk_state { TALK_SEEKING, TALK_ASKED, TALK_TAKEN, TALK_OVER };

struct api_talk {
    struct api_relay *relay;
    enum talk_state state;
    uint64_t token;
    unsigned peer;   /* of ASKED and TAKEN */
    unsigned tried;  /* bit per peer */
    struct buf open; /* until it is taken */
    uint64_t due_ms; /* SEEKING: to give up; ASKED: to ask another */
    uint64_t heard_ms, said_ms;
    bool broken; /* a message could not be sent */
    struct api_fault refusal;
    const struct api_talk_events *events;
    void *ctx;
};

struct api_relay {
    uv_loop_t *loop;
    struct api_peers *peers; /* owned; empty until the first session */
    unsigned next;           /* of the round */
    const struct api_config *config;
    struct map *talks; /* by token */
    uint64_t last_token;
};

static uint64_t now_ms(const struct api_relay *r)
{
    return uv_now(r->loop);
}

static int peer_send(struct api_relay *r, unsigned peer, struct message *m)
{
    auto_buf struct buf frame;

    buf_init(&frame, LIMIT_FRAME_CONTROL);
    return message_encode(m, &frame) == 0 ? api_peers_send(r->peers, peer, buf_span(&frame)) : -1;
}

/* --- talks ---------------------------------------------------------------------------------- */

static void talk_say(struct api_talk *t, enum message_type type)
{
    struct message m = {.type = type, .token = t->token};

    t->said_ms = now_ms(t->relay);
    (void)peer_send(t->relay, t->peer, &m);
}

static void talk_fail(struct api_talk *t, const struct api_fault *f)
{
    const bool lost = t->state == TALK_TAKEN;

    t->state = TALK_OVER;
    t->events->failed(t->ctx, f, lost);
}

/* The next peer of the round that was not asked yet; -1 = none. */
static int talk_choose(struct api_talk *t)
{
    struct api_relay *r = t->relay;
    const unsigned n = api_peers_len(r->peers);

    for (unsigned k = 0; k < n; k++) {
        const unsigned i = (r->next + k) % n;

        if (!api_peers_ready(r->peers, i) || t->tried & 1U << i)
            continue;
        r->next = (i + 1) % n;
        return (int)i;
    }
    return -1;
}

static void talk_place(struct api_talk *t)
{
    int i;

    t->state = TALK_SEEKING;
    while ((i = talk_choose(t)) >= 0) {
        t->tried |= 1U << i;
        if (api_peers_send(t->relay->peers, (unsigned)i, buf_span(&t->open)) < 0)
            continue;
        t->peer = (unsigned)i;
        t->state = TALK_ASKED;
        t->due_ms = now_ms(t->relay) + RELAY_TRY_MS;
        return;
    }
}

/* One that no peer took: refused by those that are there, it does not wait for others. */
static void talk_seek(struct api_talk *t)
{
    struct api_fault f = t->refusal;

    talk_place(t);
    if (t->state != TALK_SEEKING || (!t->refusal.code && now_ms(t->relay) < t->due_ms))
        return;
    if (!f.code)
        api_fault_set(&f, API_FAULT_UNAVAILABLE, NULL);
    talk_fail(t, &f);
}

static void talk_next(struct api_talk *t)
{
    t->due_ms = now_ms(t->relay) + RELAY_HOLD_MS;
    talk_place(t);
}

static void talk_refused(struct api_talk *t, const struct message *m)
{
    struct api_fault f;
    const bool elsewhere = api_refusal_read(m, &f);

    if (t->state != TALK_ASKED)
        return;
    t->refusal = f;
    if (elsewhere)
        talk_next(t);
    else
        talk_fail(t, &f);
}

static void talk_message(struct api_talk *t, const struct message *m)
{
    t->heard_ms = now_ms(t->relay);
    if (m->type == MESSAGE_REFUSED) {
        talk_refused(t, m);
        return;
    }
    if (m->type == MESSAGE_SESSION_OPENED && t->state == TALK_ASKED) {
        t->state = TALK_TAKEN;
        t->said_ms = t->heard_ms;
        buf_done(&t->open);
    }
    if (t->state != TALK_TAKEN || m->type == MESSAGE_SESSION_ALIVE)
        return;
    if (m->type == MESSAGE_SESSION_CLOSED)
        t->state = TALK_OVER;
    t->events->message(t->ctx, m);
}

static void talk_lost(struct api_talk *t, const char *why)
{
    struct api_fault f = {0};

    api_fault_set(&f, API_FAULT_UNAVAILABLE, "%s", why);
    talk_fail(t, &f);
}

static void talk_tick(struct api_talk *t)
{
    const uint64_t now = now_ms(t->relay);

    if (t->state == TALK_SEEKING) {
        talk_seek(t);
    } else if (t->state == TALK_ASKED && now >= t->due_ms) {
        talk_say(t, MESSAGE_SESSION_CLOSE); /* it may yet have taken it */
        talk_next(t);
    } else if (t->state == TALK_TAKEN && t->broken) {
        talk_lost(t, "the node could not be reached any more");
    } else if (t->state == TALK_TAKEN && now - t->heard_ms > MESSAGE_SESSION_SILENCE_MS) {
        talk_lost(t, "the node is silent");
    } else if (t->state == TALK_TAKEN && now - t->said_ms >= MESSAGE_SESSION_ALIVE_MS) {
        talk_say(t, MESSAGE_SESSION_ALIVE);
    }
}

/* --- peers ---------------------------------------------------------------------------------- */

/* It has this talk, or was asked to take it. */
static bool talk_is_with(const struct api_talk *t, unsigned peer)
{
    return t->peer == peer && (t->state == TALK_ASKED || t->state == TALK_TAKEN);
}

/* Talks that this peer took break; of those it was asked to take, `then` is done. */
static void talks_break(struct api_relay *r, unsigned peer, void (*then)(struct api_talk *t))
{
    for (struct map_item *it = map_first(r->talks); it; it = map_next(it)) {
        struct api_talk *t = map_value(it);

        if (talk_is_with(t, peer) && t->state == TALK_TAKEN)
            t->broken = true;
        else if (talk_is_with(t, peer))
            then(t);
    }
}

static void talk_is_due(struct api_talk *t)
{
    t->due_ms = 0;
}

/* Somebody's messages are lost: a stream with a hole is worth nothing to any of them. */
static void on_dropped(void *ctx, unsigned peer)
{
    talks_break(ctx, peer, talk_is_due);
}

/* Its sessions died with it, or will when it misses us. */
static void on_lost(void *ctx, unsigned peer)
{
    talks_break(ctx, peer, talk_next);
}

static void on_message(void *ctx, unsigned peer, const struct message *m)
{
    struct api_relay *r = ctx;
    struct api_talk *t = map_get(r->talks, &m->token, sizeof(m->token));

    if (t && talk_is_with(t, peer))
        talk_message(t, m);
}

/* Who waits for a peer asks it with the next tick. */
static const struct api_peers_events peer_events = {NULL, on_lost, on_message, on_dropped};

/* --- the interface -------------------------------------------------------------------------- */

struct api_relay *api_relay_new(uv_loop_t *loop, const struct api_config *config)
{
    struct api_relay *r = own_calloc(1, sizeof(*r));

    r->loop = loop;
    r->config = config;
    r->talks = map_new(uv_hrtime());
    r->peers = api_peers_new(loop, &peer_events, r);
    return r;
}

void api_relay_free(struct api_relay *r)
{
    if (!r)
        return;
    api_peers_free(r->peers);
    map_free(r->talks);
    free(r);
}

void api_relay_tick(struct api_relay *r)
{
    auto_free uint64_t *tokens = own_calloc(map_len(r->talks) + 1, sizeof(*tokens));
    size_t n = 0;

    api_peers_tick(r->peers);
    /* An owner may free any talk within an event. */
    for (struct map_item *it = map_first(r->talks); it; it = map_next(it))
        tokens[n++] = ((struct api_talk *)map_value(it))->token;
    for (size_t i = 0; i < n; i++) {
        struct api_talk *t = map_get(r->talks, &tokens[i], sizeof(tokens[i]));

        if (t)
            talk_tick(t);
    }
}

/* For the first session; later ones find them known. */
static void relay_dial(struct api_relay *r)
{
    for (unsigned i = 0; i < r->config->n_peers; i++)
        (void)api_peers_add(r->peers, r->config->peers[i], NULL);
}

struct api_talk *api_talk_new(struct api_relay *r, struct message *open,
                              const struct api_talk_events *events, void *ctx)
{
    struct api_talk *t = own_calloc(1, sizeof(*t));

    t->relay = r;
    t->events = events;
    t->ctx = ctx;
    t->token = open->token = ++r->last_token;
    t->due_ms = now_ms(r) + RELAY_HOLD_MS;
    buf_init(&t->open, LIMIT_FRAME_BULK);
    if (message_encode(open, &t->open) < 0) {
        buf_done(&t->open);
        free(t);
        return NULL;
    }
    (void)map_set(r->talks, &t->token, sizeof(t->token), t);
    relay_dial(r);
    talk_place(t);
    return t;
}

void api_talk_free(struct api_talk *t)
{
    if (!t)
        return;
    if (t->state == TALK_ASKED || t->state == TALK_TAKEN)
        talk_say(t, MESSAGE_SESSION_CLOSE);
    (void)map_del(t->relay->talks, &t->token, sizeof(t->token));
    buf_done(&t->open);
    free(t);
}

void api_talk_send(struct api_talk *t, struct message *m)
{
    m->token = t->token;
    t->said_ms = now_ms(t->relay);
    if (t->state == TALK_TAKEN && peer_send(t->relay, t->peer, m) < 0)
        t->broken = true;
}
