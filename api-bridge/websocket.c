/* SPDX-License-Identifier: MPL-2.0 */
#include <openssl/evp.h>
#include <wslay/wslay.h>

/*
 * How this works: bytes of the connection lie in `in` while wslay reads them; a message is put
 * together in `message`, since wslay's own buffering costs an allocation for each fragment.
 * What wslay wants to send is collected in `out`, and written when it has no more. A control
 * frame may come between two fragments: `control` keeps it out of the message.
 *
 * Events may free the websocket: `depth` counts the calls on the stack that still look at it.
 */
#include "api-bridge/websocket.h"

#include "api-bridge/base64.h"
#include "api-bridge/conn.h"
#include "base/own.h"

#include <errno.h>
#include <strings.h>

enum { WS_KEY_SIZE = 16, WS_KEY_LEN = 24, WS_REASON_MAX = 123, WS_OUT_MAX = 512 * LIMIT_KIB };

struct api_websocket {
    struct api_exchange *x; /* NULL once it is over */
    wslay_event_context_ptr wslay;
    struct api_websocket_options options;
    struct span in;
    struct buf message;
    struct buf out;
    uint64_t received;
    unsigned depth;
    bool control; /* the frame being read is one */
    bool closing; /* we said good-bye, or what came broke a rule of ours */
    bool freed;
};

/* --- the handshake ------------------------------------------------------------------------- */

/* Is `word` in the comma list of any header of that name? */
static bool header_lists(const struct api_request *r, const char *name, const char *word)
{
    const size_t len = strlen(word);

    for (unsigned i = 0; i < r->n_headers; i++) {
        const struct api_header *h = &r->headers[i];
        const char *at = (const char *)h->value.data, *end = at + h->value.len;

        if (!api_header_is(h, name))
            continue;
        while (at < end) {
            const char *comma = memchr(at, ',', (size_t)(end - at));
            const char *stop = comma ? comma : end, *last = stop;

            while (at < last && (*at == ' ' || *at == '\t'))
                at++;
            while (last > at && (last[-1] == ' ' || last[-1] == '\t'))
                last--;
            if ((size_t)(last - at) == len && strncasecmp(at, word, len) == 0)
                return true;
            at = stop + 1;
        }
    }
    return false;
}

static bool key_ok(const struct api_request *r)
{
    struct span key = api_request_header(r, "sec-websocket-key");
    auto_buf struct buf bytes;

    buf_init(&bytes, 2UL * WS_KEY_SIZE); /* the decoder wants some room */
    return api_request_headers(r, "sec-websocket-key") == 1 && key.len == WS_KEY_LEN &&
           api_base64_decode(key, API_BASE64_STANDARD, &bytes) == 0 && bytes.len == WS_KEY_SIZE;
}

static void upgrade_required(struct api_exchange *x, const char *text)
{
    struct api_fault f = {0};

    api_answer_header(x, "Upgrade", "websocket");
    api_answer_header(x, "Sec-WebSocket-Version", "13");
    api_fault_set(&f, API_FAULT_UPGRADE_REQUIRED, "%s", text);
    api_answer_fault(x, &f);
}

bool api_websocket_check(struct api_exchange *x, const char *protocol)
{
    const struct api_request *r = &x->req;
    struct span version = api_request_header(r, "sec-websocket-version");
    struct api_fault f = {0};

    if (r->method != API_METHOD_GET || r->minor != 1 || !r->upgrade ||
        !header_lists(r, "connection", "upgrade") || !header_lists(r, "upgrade", "websocket")) {
        upgrade_required(x, "this is a WebSocket: ask for an upgrade to it");
        return false;
    }
    if (api_request_headers(r, "sec-websocket-version") != 1 || !span_eq(version, span_of("13"))) {
        upgrade_required(x, "version 13 of the WebSocket protocol is spoken");
        return false;
    }
    if (!key_ok(r))
        api_fault_set(&f, API_FAULT_BAD_REQUEST, "Sec-WebSocket-Key must be 16 bytes in base64");
    else if (api_request_header(r, "sec-websocket-protocol").data &&
             !header_lists(r, "sec-websocket-protocol", protocol))
        api_fault_set(&f, API_FAULT_BAD_REQUEST, "the subprotocol spoken here is %s", protocol);
    if (f.code)
        api_answer_fault(x, &f);
    return f.code == 0;
}

/* Section 4.2.2, item 5.4. */
static void put_accept(struct api_exchange *x)
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    struct span key = api_request_header(&x->req, "sec-websocket-key");
    uint8_t digest[EVP_MAX_MD_SIZE];
    auto_buf struct buf text, both;
    unsigned len = 0;

    buf_init(&text, 64);
    buf_init(&both, 128);
    (void)buf_put(&both, key.data, key.len);
    (void)buf_puts(&both, guid);
    if (EVP_Digest(both.data, both.len, digest, &len, EVP_sha1(), NULL) != 1)
        abort();
    (void)api_base64_encode((struct span){digest, len}, API_BASE64_STANDARD, &text);
    (void)buf_putc(&text, 0);
    api_answer_header(x, "Sec-WebSocket-Accept", (const char *)text.data);
}

/* --- bytes --------------------------------------------------------------------------------- */

static void leave(struct api_websocket *w)
{
    if (--w->depth > 0 || !w->freed)
        return;
    wslay_event_context_free(w->wslay);
    buf_done(&w->message);
    buf_done(&w->out);
    free(w);
}

static ssize_t on_recv(wslay_event_context_ptr ctx, uint8_t *buf, size_t len, int flags, void *arg)
{
    struct api_websocket *w = arg;
    const size_t n = w->in.len < len ? w->in.len : len;

    (void)flags;
    if (n == 0) {
        wslay_event_set_error(ctx, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    memcpy(buf, w->in.data, n);
    w->in.data += n;
    w->in.len -= n;
    return (ssize_t)n;
}

static ssize_t on_send(wslay_event_context_ptr ctx, const uint8_t *data, size_t len, int flags,
                       void *arg)
{
    struct api_websocket *w = arg;

    (void)flags;
    if (buf_put(&w->out, data, len) == 0)
        return (ssize_t)len;
    wslay_event_set_error(ctx, WSLAY_ERR_CALLBACK_FAILURE);
    return -1;
}

static void too_big(struct api_websocket *w)
{
    static const char reason[] = "the message is too long";

    if (w->closing)
        return;
    w->closing = true;
    (void)wslay_event_queue_close(w->wslay, API_WS_TOO_BIG, (const uint8_t *)reason,
                                  sizeof(reason) - 1);
}

static void on_frame_start(wslay_event_context_ptr ctx,
                           const struct wslay_event_on_frame_recv_start_arg *arg, void *user)
{
    struct api_websocket *w = user;

    (void)ctx;
    w->control = wslay_is_ctrl_frame(arg->opcode);
    if (!w->control && w->message.len + arg->payload_length > w->options.max)
        too_big(w);
}

static void on_frame_chunk(wslay_event_context_ptr ctx,
                           const struct wslay_event_on_frame_recv_chunk_arg *arg, void *user)
{
    struct api_websocket *w = user;

    (void)ctx;
    if (!w->control && !w->closing && buf_put(&w->message, arg->data, arg->data_length) < 0)
        too_big(w);
}

static void on_message(wslay_event_context_ptr ctx, const struct wslay_event_on_msg_recv_arg *arg,
                       void *user)
{
    struct api_websocket *w = user;

    (void)ctx;
    if (wslay_is_ctrl_frame(arg->opcode) || w->closing || w->freed || !w->x)
        return;
    w->options.events->message(w->options.ctx, arg->opcode == WSLAY_TEXT_FRAME,
                               buf_span(&w->message));
    buf_reset(&w->message);
}

static const struct wslay_event_callbacks callbacks = {
    .recv_callback = on_recv,
    .send_callback = on_send,
    .on_frame_recv_start_callback = on_frame_start,
    .on_frame_recv_chunk_callback = on_frame_chunk,
    .on_msg_recv_callback = on_message};

/* The exchange is over, or is to be. */
static void over(struct api_websocket *w, bool end)
{
    struct api_exchange *x = STEAL(w->x);

    if (!x)
        return;
    x->on_bytes = NULL;
    x->on_stop = NULL;
    if (end)
        api_stream_end(x);
    if (!w->freed)
        w->options.events->gone(w->options.ctx);
}

/* Writes what wslay has to say. 0, or negative: the connection is no more. */
static int flush(struct api_websocket *w)
{
    int r = 0;

    while (r == 0 && w->x && wslay_event_want_write(w->wslay))
        r = wslay_event_send(w->wslay);
    if (r == 0 && w->x && w->out.len > 0)
        r = api_stream_write(w->x, buf_span(&w->out));
    buf_reset(&w->out);
    return r == 0 && w->x ? 0 : -EPIPE;
}

static void on_bytes(struct api_exchange *x, struct span bytes)
{
    /* A close with code 1002: for what breaks a rule within a frame's head wslay has none. */
    static const uint8_t broken[] = {0x88, 2, API_WS_PROTOCOL >> 8, API_WS_PROTOCOL & 0xff};
    struct api_websocket *w = x->state;
    int r;

    w->depth++;
    w->in = bytes;
    w->received += bytes.len;
    r = wslay_event_recv(w->wslay);
    w->in = (struct span){NULL, 0};
    if (r == 0)
        r = flush(w);
    else if (w->x)
        (void)api_stream_write(w->x, (struct span){broken, sizeof(broken)});
    /* Closed by either side, or by wslay because a rule was broken. */
    if (w->x && (r != 0 || wslay_event_get_close_sent(w->wslay)))
        over(w, true);
    leave(w);
}

static void on_drained(struct api_exchange *x)
{
    struct api_websocket *w = x->state;

    w->depth++;
    if (w->x)
        w->options.events->drained(w->options.ctx);
    leave(w);
}

static void on_stop(struct api_exchange *x)
{
    struct api_websocket *w = x->state;

    w->depth++;
    w->options.events->stopping(w->options.ctx);
    leave(w);
}

static void on_gone(struct api_exchange *x)
{
    struct api_websocket *w = x->state;

    w->depth++;
    over(w, false);
    leave(w);
}

/* --- the interface ------------------------------------------------------------------------- */

struct api_websocket *api_websocket_new(struct api_exchange *x,
                                        const struct api_websocket_options *options)
{
    struct api_websocket *w = own_calloc(1, sizeof(*w));

    w->x = x;
    w->options = *options;
    buf_init(&w->message, options->max);
    buf_init(&w->out, WS_OUT_MAX);
    if (wslay_event_context_server_init(&w->wslay, &callbacks, w) != 0)
        abort();
    wslay_event_config_set_no_buffering(w->wslay, 1);
    put_accept(x);
    api_answer_header(x, "Upgrade", "websocket");
    if (api_request_header(&x->req, "sec-websocket-protocol").data)
        api_answer_header(x, "Sec-WebSocket-Protocol", options->protocol);
    x->state = w;
    x->on_gone = NULL;
    if (api_upgrade_accept(x) < 0) {
        w->x = NULL;
        api_websocket_free(w);
        return NULL;
    }
    x->on_gone = on_gone;
    x->on_bytes = on_bytes;
    x->on_drained = on_drained;
    x->on_stop = on_stop;
    return w;
}

void api_websocket_free(struct api_websocket *w)
{
    struct api_exchange *x;

    if (!w || w->freed)
        return;
    w->freed = true;
    w->depth++;
    x = STEAL(w->x);
    if (x) {
        x->on_gone = NULL;
        api_stream_drop(x);
    }
    leave(w);
}

int api_websocket_send(struct api_websocket *w, bool text, struct span head, struct span bytes)
{
    auto_buf struct buf both;
    struct wslay_event_msg m = {.opcode = text ? WSLAY_TEXT_FRAME : WSLAY_BINARY_FRAME};
    int r;

    if (!w->x || w->closing)
        return -EPIPE;
    buf_init(&both, head.len + bytes.len + 1);
    (void)buf_put(&both, head.data, head.len);
    (void)buf_put(&both, bytes.data, bytes.len);
    m.msg = both.data;
    m.msg_length = both.len;
    w->depth++;
    r = wslay_event_queue_msg(w->wslay, &m) == 0 ? flush(w) : -EPIPE;
    leave(w);
    return r;
}

int api_websocket_ping(struct api_websocket *w)
{
    const struct wslay_event_msg m = {.opcode = WSLAY_PING};
    int r;

    if (!w->x || w->closing)
        return -EPIPE;
    w->depth++;
    r = wslay_event_queue_msg(w->wslay, &m) == 0 ? flush(w) : -EPIPE;
    leave(w);
    return r;
}

void api_websocket_close(struct api_websocket *w, unsigned code, const char *reason)
{
    const size_t len = strlen(reason);

    if (!w->x || w->closing)
        return;
    w->depth++;
    w->closing = true;
    (void)wslay_event_queue_close(w->wslay, (uint16_t)code, (const uint8_t *)reason,
                                  len < WS_REASON_MAX ? len : WS_REASON_MAX);
    /* Inside a message the caller's own flush ends it. */
    if (w->in.data == NULL && flush(w) == 0)
        over(w, true);
    leave(w);
}

size_t api_websocket_queued(const struct api_websocket *w)
{
    return w->x ? api_stream_queued(w->x) : 0;
}

void api_websocket_read(struct api_websocket *w, bool on)
{
    if (w->x)
        api_upgrade_read(w->x, on);
}

uint64_t api_websocket_received(const struct api_websocket *w)
{
    return w->received;
}

void api_websocket_max_set(struct api_websocket *w, size_t max)
{
    w->options.max = max;
    w->message.max = max;
}
