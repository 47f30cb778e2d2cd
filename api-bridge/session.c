/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works
 *
 *   WAITING --open--> SEEKING --opened--> OPEN --closed, failed--> gone
 *
 *   client --frames--> input --DATA, as far as the node's credit goes--> node
 *   client <--frames-- connection's queue <--DATA, as far as ours goes-- node
 *
 * While `input` is not empty the client is not read from. The node gets credit for what has left
 * the queue, so that a client that does not read fills the queue with one window at most, and
 * its program waits.
 */
#include "api-bridge/session_state.h"

#include "api-bridge/admission.h"
#include "api-bridge/config.h"
#include "api-bridge/route.h"
#include "api-bridge/server.h"
#include "api-bridge/view.h"
#include "base/own.h"

enum {
    SESSION_QUEUE_READY = 32 * LIMIT_KIB, /* with more waiting, no credit */
    SESSION_INPUT_MAX = 512 * LIMIT_KIB,  /* what can be read before reading stops */
    SESSION_TEXT_MAX = 8 * LIMIT_KIB,     /* of a message of ours */
    SESSION_ORDERS_MAX = 200,             /* text messages of a client in a second */
};

static const char protocol[] = "arena.session.v1";

static uint64_t now_ms(const struct session *s)
{
    return uv_now(&s->all->server->loop);
}

static void session_free(struct session *s)
{
    struct api_sessions *all = s->all;

    *(s->prev ? &s->prev->next : &all->first) = s->next;
    *(s->next ? &s->next->prev : &all->last) = s->prev;
    if (s->opening)
        s->opening->s = NULL;
    api_quota_give(all->server->shared->sessions, &s->key);
    api_talk_free(s->talk);
    api_websocket_free(s->ws);
    buf_done(&s->input);
    free(s);
}

/* --- to the client -------------------------------------------------------------------------- */

void api_session_close(struct session *s, unsigned code, const char *reason)
{
    api_talk_free(STEAL(s->talk));
    api_websocket_close(s->ws, code, reason);
    /* Freed by `gone`, which the close brings about, now or when its message was read. */
}

static void text_begin(struct api_json_writer *w, struct buf *out, const char *type)
{
    buf_init(out, SESSION_TEXT_MAX);
    api_json_writer_init(w, out);
    api_json_open(w, NULL, '{');
    api_json_put_str(w, "type", type);
}

static int text_end(struct session *s, struct api_json_writer *w, struct buf *out)
{
    api_json_close(w, '}');
    return api_websocket_send(s->ws, true, buf_span(out), (struct span){NULL, 0});
}

static int session_say(struct session *s, const char *type, const char *key, const char *value)
{
    struct api_json_writer w;
    auto_buf struct buf out;

    text_begin(&w, &out, type);
    if (key)
        api_json_put_str(&w, key, value);
    return text_end(s, &w, &out);
}

int api_session_error(struct session *s, const struct api_fault *f)
{
    struct api_json_writer w;
    auto_buf struct buf out, inner;
    struct span json;

    buf_init(&inner, SESSION_TEXT_MAX);
    api_json_put_fault(&inner, f); /* {"error": {...}}: its braces are ours */
    json = (struct span){inner.data + 1, inner.len - 2};
    text_begin(&w, &out, "error");
    (void)buf_putc(&out, ',');
    (void)buf_put(&out, json.data, json.len);
    return text_end(s, &w, &out);
}

/* Says what is wrong and ends it. */
void api_session_refuse(struct session *s, unsigned code, const struct api_fault *f)
{
    char reason[124];

    (void)snprintf(reason, sizeof(reason), "%.120s", f->text);
    reason[api_utf8_whole(span_of(reason))] = '\0';
    if (api_session_error(s, f) == 0)
        api_session_close(s, code, reason);
}

/* --- output --------------------------------------------------------------------------------- */

/* Credit for all that has left. */
static void session_grant(struct session *s)
{
    struct message m = {.type = MESSAGE_SESSION_CREDIT};

    if (!s->talk || s->state != SESSION_OPEN)
        return;
    if (api_websocket_queued(s->ws) > SESSION_QUEUE_READY) {
        if (s->stalled_ms == 0)
            s->stalled_ms = now_ms(s);
        return;
    }
    s->stalled_ms = 0;
    if (s->out.at + API_SESSION_WINDOW - s->out.upto < API_SESSION_WINDOW / 4)
        return;
    s->out.upto = s->out.at + API_SESSION_WINDOW;
    m.credit.upto = s->out.upto;
    api_talk_send(s->talk, &m);
}

static void session_lost(struct session *s)
{
    struct api_fault f = {0};

    api_fault_set(&f, API_FAULT_UNAVAILABLE, "messages were lost between bridge and node");
    api_session_refuse(s, API_SESSION_LOST, &f);
}

static void session_output(struct session *s, const struct message *m)
{
    const uint8_t stream = (uint8_t)m->data.stream;

    if (m->data.at != s->out.at) {
        session_lost(s);
        return;
    }
    message_flow_pass(&s->out, m->data.bytes.len);
    if (api_websocket_send(s->ws, false, (struct span){&stream, 1}, m->data.bytes) == 0)
        session_grant(s);
}

static void session_exit(struct session *s, const struct message_closed *c)
{
    const struct result_run run = {.exit_code = c->exit_code,
                                   .signal = c->signal,
                                   .cpu_us = c->cpu_us,
                                   .wall_us = c->wall_us,
                                   .memory = c->memory};
    struct api_json_writer w;
    auto_buf struct buf out;

    text_begin(&w, &out, "exit");
    api_json_put_str(&w, "verdict", result_verdict_name(c->verdict));
    api_view_cause(&w, &c->cause, false);
    api_view_figures(&w, &run);
    if (text_end(s, &w, &out) == 0)
        api_session_close(s, API_WS_NORMAL, message_closing_name(c->why));
}

static void session_closed(struct session *s, const struct message_closed *c)
{
    static const struct {
        unsigned code;
        enum api_fault_code fault;
        const char *text;
    } ends[MESSAGE_CLOSING_N] = {
        [MESSAGE_CLOSING_ASKED] = {API_WS_NORMAL, API_FAULT_NONE, "closed"},
        [MESSAGE_CLOSING_IDLE] = {API_SESSION_IDLE, API_FAULT_SLOW_REQUEST,
                                  "nothing was read or written for too long"},
        [MESSAGE_CLOSING_DRAINING] = {API_SESSION_DRAINING, API_FAULT_DRAINING,
                                      "the node is leaving"},
        [MESSAGE_CLOSING_LOST] = {API_SESSION_LOST, API_FAULT_UNAVAILABLE,
                                  "messages were lost between bridge and node"},
        [MESSAGE_CLOSING_BROKEN] = {API_SESSION_BROKEN, API_FAULT_INTERNAL, "the sandbox failed"},
    };
    struct api_fault f = {0};

    if (c->why == MESSAGE_CLOSING_ENDED) {
        session_exit(s, c);
        return;
    }
    if (ends[c->why].fault == API_FAULT_NONE) {
        api_session_close(s, ends[c->why].code, ends[c->why].text);
        return;
    }
    api_fault_set(&f, ends[c->why].fault, "%s", ends[c->why].text);
    api_session_refuse(s, ends[c->why].code, &f);
}

/* --- input ---------------------------------------------------------------------------------- */

void api_session_pump(struct session *s)
{
    struct message m = {.type = MESSAGE_SESSION_DATA};
    uint32_t room;

    while (s->state == SESSION_OPEN && s->talk && (s->input.len > 0 || s->input_last) &&
           (room = message_flow_room(&s->in)) > 0) {
        const size_t n = s->input.len < room ? s->input.len : room;

        m.data.stream = MESSAGE_STREAM_STDIN;
        m.data.at = s->in.at;
        m.data.bytes = (struct span){s->input.data, n};
        m.data.last = s->input_last && n == s->input.len;
        message_flow_pass(&s->in, n);
        api_talk_send(s->talk, &m);
        buf_consume(&s->input, n);
        if (m.data.last)
            s->input_last = false;
    }
    api_websocket_read(s->ws, s->input.len == 0);
}

static void session_input(struct session *s, struct span bytes)
{
    struct api_fault f = {0};

    if (bytes.len < 1 || bytes.data[0] != MESSAGE_STREAM_STDIN) {
        api_fault_set(&f, API_FAULT_BAD_VALUE, "a binary message begins with a byte 0, for stdin");
        api_session_refuse(s, API_SESSION_REFUSED, &f);
        return;
    }
    if (s->input_done) {
        api_fault_set(&f, API_FAULT_BAD_VALUE, "stdin has ended");
        (void)api_session_error(s, &f);
        return;
    }
    if (buf_put(&s->input, bytes.data + 1, bytes.len - 1) < 0) {
        api_session_close(s, API_WS_POLICY, "more input than can be held");
        return;
    }
    api_session_pump(s);
}

/* --- from the node -------------------------------------------------------------------------- */

static void on_node(void *ctx, const struct message *m)
{
    struct session *s = ctx;

    switch (m->type) {
    case MESSAGE_SESSION_OPENED:
        s->state = SESSION_OPEN;
        s->in.upto = m->opened.window;
        if (session_say(s, "opened", "node", m->opened.node) < 0)
            break;
        api_session_forward(s);
        api_session_pump(s);
        break;
    case MESSAGE_SESSION_STARTED:
        s->started = true;
        if (session_say(s, "started", NULL, NULL) == 0)
            api_session_forward(s);
        break;
    case MESSAGE_SESSION_DATA:
        session_output(s, m);
        break;
    case MESSAGE_SESSION_CREDIT:
        s->in.upto = m->credit.upto > s->in.upto ? m->credit.upto : s->in.upto;
        api_session_pump(s);
        break;
    case MESSAGE_SESSION_CLOSED:
        session_closed(s, &m->closed);
        break;
    default:
        break;
    }
}

static void on_failed(void *ctx, const struct api_fault *f, bool lost)
{
    const unsigned code = lost                               ? API_SESSION_LOST
                          : f->code == API_FAULT_NO_CAPACITY ? API_SESSION_NO_SLOT
                          : f->code == API_FAULT_DRAINING    ? API_SESSION_DRAINING
                          : f->code == API_FAULT_UNAVAILABLE ? API_WS_TRY_LATER
                                                             : API_WS_INTERNAL;

    api_session_refuse(ctx, code, f);
}

const struct api_talk_events api_session_talk_events = {on_node, on_failed};

/* --- from the client ------------------------------------------------------------------------ */

void api_session_message(struct session *s, bool text, struct span bytes)
{
    struct api_fault f = {0};

    if (text && ++s->orders > SESSION_ORDERS_MAX) {
        api_session_close(s, API_WS_POLICY, "too many messages");
    } else if (text) {
        api_session_order(s, bytes);
    } else if (s->state == SESSION_WAITING) {
        api_fault_set(&f, API_FAULT_BAD_VALUE, "the first message must be an \"open\"");
        api_session_refuse(s, API_SESSION_REFUSED, &f);
    } else {
        session_input(s, bytes);
    }
}

static void on_message(void *ctx, bool text, struct span bytes)
{
    struct session *s = ctx;

    if (!s->opening || !s->opening->work.away)
        api_session_message(s, text, bytes);
    else if (api_session_keep(s, text, bytes) < 0)
        api_session_close(s, API_WS_POLICY, "more input than can be held");
}

/* --- life ----------------------------------------------------------------------------------- */

static void on_drained(void *ctx)
{
    session_grant(ctx);
}

static void on_stopping(void *ctx)
{
    api_session_close(ctx, API_WS_GOING_AWAY, "the bridge is stopping");
}

static void on_gone(void *ctx)
{
    session_free(ctx);
}

static const struct api_websocket_events ws_events = {on_message, on_drained, on_stopping, on_gone};

static void session_new(struct api_exchange *x, const struct api_quota_key *key)
{
    struct api_sessions *all = x->server->sessions;
    struct session *s = own_calloc(1, sizeof(*s));
    const struct api_websocket_options options = {
        .protocol = protocol,
        .max = all->server->config->body_max[API_BODY_SUBMIT],
        .events = &ws_events,
        .ctx = s};

    s->all = all;
    s->key = *key;
    memcpy(s->tenant, x->who.tenant, sizeof(s->tenant));
    s->due_ms = now_ms(s) + all->server->config->header_ms;
    s->beat_ms = now_ms(s) + all->server->config->heartbeat_ms;
    buf_init(&s->input, SESSION_INPUT_MAX);
    s->ws = api_websocket_new(x, &options);
    s->prev = all->last;
    *(all->last ? &all->last->next : &all->first) = s;
    all->last = s;
    if (!s->ws)
        session_free(s);
}

/* Takes a place for a session, or answers. */
static bool may_open(struct api_exchange *x, struct api_quota_key *key)
{
    struct api_address from = {{0}};

    (void)api_address_parse(x->req.client, &from);
    *key = api_quota_key(&from, x->who.token_hash);
    return api_admits(x, x->server->shared->sessions, key, "sessions");
}

void api_session_handle(struct api_exchange *x)
{
    static const char *const known[] = {"ticket"};
    struct api_quota_key key;
    struct api_fault f = {0};

    api_request_query_known(&x->req, known, ARRAY_LEN(known), &f);
    if (f.code)
        api_answer_fault(x, &f);
    else if (api_websocket_check(x, protocol) && may_open(x, &key))
        session_new(x, &key);
}

/* Is the client still there? One that we do not read from cannot answer. */
static void session_beat(struct session *s)
{
    const uint64_t received = api_websocket_received(s->ws);

    s->unanswered = received == s->received && s->input.len == 0 ? s->unanswered + 1 : 0;
    s->received = received;
    s->beat_ms = now_ms(s) + s->all->server->config->heartbeat_ms;
    if (s->unanswered > 2) {
        session_free(s);
        return;
    }
    (void)api_websocket_ping(s->ws);
}

static void session_tick(struct session *s)
{
    const uint64_t now = now_ms(s);
    struct api_fault f = {0};

    if (now - s->second_ms >= 1000) {
        s->second_ms = now;
        s->orders = 0;
    }
    if (s->state == SESSION_WAITING && !s->opening && now >= s->due_ms) {
        api_fault_set(&f, API_FAULT_SLOW_REQUEST, "the first message did not come in time");
        api_session_refuse(s, API_SESSION_LATE, &f);
    } else if (s->stalled_ms && now - s->stalled_ms >= s->all->server->config->write_ms) {
        session_free(s);
    } else if (now >= s->beat_ms) {
        session_beat(s);
    }
}

struct api_sessions *api_sessions_new(struct api_server *server)
{
    struct api_sessions *all = own_calloc(1, sizeof(*all));

    all->server = server;
    all->relay = api_relay_new(&server->loop, server->config);
    return all;
}

void api_sessions_free(struct api_sessions *all)
{
    if (!all)
        return;
    while (all->first)
        session_free(all->first);
    api_relay_free(all->relay);
    free(all);
}

void api_sessions_tick(struct api_sessions *all)
{
    struct session *next;

    for (struct session *s = all->first; s; s = next) {
        next = s->next; /* a session's tick ends no other */
        session_tick(s);
    }
    api_relay_tick(all->relay);
}
