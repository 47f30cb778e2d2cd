/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works: bytes become requests, requests go to their handlers, answers leave in
 * order.
 *
 *   IDLE -> HEAD -> BODY -> WAIT ----> (answer written) -> IDLE or LINGER
 *                             \-> STREAM -> (end) --------/
 *                             \-> UPGRADED -> (end) -> LINGER
 *
 * While a handler is at work, bytes of the next request are kept in `later` (a little), so
 * that answers leave in order; reading goes on, to see the client leave. An answer that is
 * ready before the request was read to its end waits in `answer`.
 */
#include "api-bridge/conn.h"

#include "api-bridge/config.h"
#include "api-bridge/metrics.h"
#include "api-bridge/parser.h"
#include "api-bridge/route.h"
#include "api-bridge/server.h"
#include "base/clock.h"
#include "base/own.h"

#include <errno.h>

enum {
    DIALOG_LATER_MAX = 16 * LIMIT_KIB,
    DIALOG_READ_MAX = 64 * LIMIT_KIB,
    DIALOG_DISCARD_MAX = 64 * LIMIT_KIB, /* of a refused request's body */
};

static struct buf take(struct buf *b)
{
    struct buf taken = *b;

    buf_init(b, taken.max);
    return taken;
}

/* All that was queued has left. */
void api_dialog_drained(struct api_conn *c)
{
    if (c->state == CONN_LINGER) {
        api_conn_linger(c);
    } else if (c->state == CONN_IDLE) {
        auto_buf struct buf bytes = take(&c->later);

        api_conn_expect(c, API_CONN_CLASS_KEEP_ALIVE);
        api_conn_read(c);
        api_dialog_run(c, buf_span(&bytes));
    } else if (c->x && c->x->on_drained) {
        c->x->on_drained(c->x);
    }
}

bool api_conn_closes(const struct api_conn *c)
{
    return c->last || c->server->stopping || !c->x->req.keep_alive;
}

/* The request has been read to its end: its answer leaves, and the next request may come. */
static void send_answer(struct api_conn *c, struct span out)
{
    bool closes = api_conn_closes(c);

    api_server_account(c->server, c->x, out.len);
    api_conn_drop_exchange(c);
    c->answered = false;
    c->served = true;
    c->state = CONN_IDLE;
    if (api_conn_write(c, &out, 1) < 0)
        return;
    if (closes) {
        api_conn_linger(c);
        return;
    }
    api_conn_expect(c, c->queued ? API_CONN_CLASS_WRITE : API_CONN_CLASS_KEEP_ALIVE);
    if (!c->running && c->queued == 0)
        api_dialog_drained(c);
}

static void flush_answer(struct api_conn *c)
{
    auto_buf struct buf bytes = take(&c->answer);

    send_answer(c, buf_span(&bytes));
}

void api_conn_answer(struct api_conn *c, struct span bytes)
{
    c->x->on_gone = NULL;
    if (c->state == CONN_WAIT) {
        send_answer(c, bytes);
        return;
    }
    c->answered = true;
    buf_init(&c->answer, bytes.len);
    (void)buf_put(&c->answer, bytes.data, bytes.len);
}

int api_conn_stream(struct api_conn *c, struct span head, bool upgrade)
{
    int size = API_CONN_SNDBUF;

    api_request_trim(&c->x->req);
    buf_done(&c->x->headers);
    buf_done(&c->x->body);
    api_parser_free(STEAL(c->parser)); /* ten thousand streams have no use for theirs */
    c->state = upgrade ? CONN_UPGRADED : CONN_STREAM;
    c->server->n_streams++;
    api_conn_expect(c, API_CONN_CLASS_OPEN);
    (void)uv_send_buffer_size((uv_handle_t *)&c->tcp, &size);
    return api_conn_write(c, &head, 1);
}

void api_conn_finish(struct api_conn *c)
{
    bool closes = c->state == CONN_UPGRADED || c->x->req.minor == 0 || api_conn_closes(c);

    api_server_account(c->server, c->x, 0);
    c->server->n_streams--;
    api_conn_drop_exchange(c);
    c->state = CONN_IDLE;
    c->served = true;
    if (closes) {
        api_conn_linger(c);
        return;
    }
    api_conn_expect(c, c->queued ? API_CONN_CLASS_WRITE : API_CONN_CLASS_KEEP_ALIVE);
    if (!c->running && c->queued == 0)
        api_dialog_drained(c);
}

/* Answers at once, in the middle of a request: the connection cannot be used after. */
static void answer_now(struct api_conn *c, const struct api_fault *f)
{
    c->last = true;
    c->state = CONN_WAIT;
    if (f)
        api_answer_fault(c->x, f);
    else
        flush_answer(c);
}

/* Sixteen hexadecimal digits. */
static void draw_id(struct api_conn *c, char *out)
{
    uint64_t number = rng_u64(&c->server->rng);

    for (int i = 0; i < 16; i++)
        out[i] = "0123456789abcdef"[number >> (60 - 4 * i) & 15];
    out[16] = '\0';
}

static void request_id(struct api_conn *c)
{
    struct api_request *r = &c->x->req;
    struct span id = api_request_header(r, "x-request-id");
    bool sane = id.len > 0 && id.len <= API_REQUEST_ID_MAX;

    for (size_t i = 0; sane && i < id.len; i++)
        sane = strchr("-_.", id.data[i]) || (id.data[i] >= '0' && id.data[i] <= '9') ||
               ((id.data[i] | 0x20) >= 'a' && (id.data[i] | 0x20) <= 'z');
    if (sane)
        memcpy(r->id, id.data, id.len);
    else
        draw_id(c, r->id);
}

static void exchange_begin(struct api_conn *c)
{
    struct api_exchange *x = api_server_exchange(c->server);

    x->server = c->server;
    x->conn = c;
    x->req.began_ns = clock_mono_ns();
    x->req.tls = c->tls != NULL;
    x->req.peer = c->peer;
    memcpy(x->req.client, c->peer, sizeof(x->req.client));
    c->x = x;
    (void)atomic_fetch_add_explicit(&c->server->metrics->in_flight, 1, memory_order_relaxed);
    c->last = false;
    if (!c->parser)
        c->parser = api_parser_new();
    api_parser_begin(c->parser, &x->req);
    c->state = CONN_HEAD;
    if (c->served)
        api_conn_expect(c, API_CONN_CLASS_HEADER);
}

/* What the route and the gates make of the headers; false: an answer is ready. */
static bool admit(struct api_conn *c)
{
    struct api_exchange *x = c->x;
    const struct api_gates *g = &c->server->shared->gates;
    unsigned allowed = 0;

    x->route = api_route_find(&x->req, &allowed);
    for (unsigned i = 0; i < g->n; i++) {
        if (!g->at[i].pass(g->at[i].ctx, x))
            return false;
    }
    if (x->route)
        return true;
    api_answer_missing(x, allowed);
    return false;
}

static void check_body(struct api_conn *c, struct api_fault *f)
{
    const struct api_request *r = &c->x->req;
    enum api_body class = c->x->route->body;

    if (r->has_length && r->length > c->server->config->body_max[class])
        api_fault_set(f, API_FAULT_TOO_LARGE, "the body is larger than the %llu bytes allowed here",
                      (unsigned long long)c->server->config->body_max[class]);
    if (class != API_BODY_NONE && !r->has_length && !r->chunked)
        api_fault_set(f, API_FAULT_LENGTH_REQUIRED, NULL);
}

/* The headers are there. */
static void on_head(struct api_conn *c)
{
    struct span go_on = span_of("HTTP/1.1 100 Continue\r\n\r\n");
    struct api_request *r = &c->x->req;
    struct api_fault f = {0};
    bool has_body = r->chunked || r->length > 0;

    request_id(c);
    c->last = has_body && (r->expects_continue || r->chunked || r->length > DIALOG_DISCARD_MAX);
    if (admit(c))
        check_body(c, &f);
    if (f.code)
        api_answer_fault(c->x, &f);
    if (c->answered && c->last) {
        answer_now(c, NULL);
        return;
    }
    c->last = false;
    c->state = CONN_BODY;
    if (has_body)
        api_conn_expect(c, API_CONN_CLASS_BODY);
    if (c->answered) {
        api_parser_body(c->parser, DIALOG_DISCARD_MAX, false);
        return;
    }
    api_parser_body(c->parser, c->server->config->body_max[c->x->route->body], true);
    if (has_body && r->expects_continue)
        (void)api_conn_write(c, &go_on, 1);
}

/* The whole request is there. */
static void on_request(struct api_conn *c)
{
    c->state = CONN_WAIT;
    api_conn_expect(c, API_CONN_CLASS_OPEN);
    if (c->answered)
        flush_answer(c);
    else
        c->x->route->handle(c->x);
}

void api_dialog_bad(struct api_conn *c, const struct api_fault *f)
{
    c->answered = false;
    buf_done(&c->answer);
    if (!c->x->req.id[0])
        request_id(c);
    answer_now(c, f);
}

void api_dialog_refuse(struct api_conn *c, const struct api_fault *f)
{
    exchange_begin(c);
    api_dialog_bad(c, f);
}

/* Bytes of the next request while this one is being answered. */
static void keep_for_later(struct api_conn *c, struct span in)
{
    size_t room = DIALOG_LATER_MAX - c->later.len;

    if (c->later.max == 0)
        buf_init(&c->later, DIALOG_LATER_MAX + DIALOG_READ_MAX);
    if (in.len >= room)
        api_conn_pause(c);
    if (buf_put(&c->later, in.data, in.len) < 0)
        api_conn_close(c);
}

static bool feed(struct api_conn *c, struct span *in)
{
    struct api_fault f = {0};
    size_t used = 0;
    enum api_parse what = api_parser_feed(c->parser, *in, &used, &f);

    in->data += used;
    in->len -= used;
    switch (what) {
    case API_PARSE_MORE:
        return false;
    case API_PARSE_HEAD:
        on_head(c);
        return true;
    case API_PARSE_DONE:
        on_request(c);
        return true;
    case API_PARSE_BAD:
        api_dialog_bad(c, &f);
        break;
    }
    return true;
}

static void step(struct api_conn *c, struct span *in)
{
    switch (c->state) {
    case CONN_IDLE:
        if (c->queued == 0) {
            exchange_begin(c);
            return;
        }
        break; /* the last answer first */
    case CONN_HEAD:
    case CONN_BODY:
        if (!feed(c, in))
            in->len = 0;
        return;
    case CONN_UPGRADED:
        if (c->x->on_bytes)
            c->x->on_bytes(c->x, *in);
        in->len = 0;
        return;
    case CONN_WAIT:
    case CONN_STREAM:
        break;
    case CONN_LINGER:
    case CONN_CLOSED:
        in->len = 0;
        return;
    }
    keep_for_later(c, *in);
    in->len = 0;
}

void api_dialog_run(struct api_conn *c, struct span in)
{
    c->running = true;
    while (in.len > 0 || c->state == CONN_BODY) {
        bool body = c->state == CONN_BODY && in.len == 0;

        step(c, &in);
        if (body && c->state == CONN_BODY)
            break;
    }
    c->running = false;
    if (c->state == CONN_IDLE && c->eof && c->queued == 0)
        api_conn_close(c);
}
