/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/api-bridge/fakeconn.h"

#include "api-bridge/server.h"
#include "api-bridge/writer.h"

#include <assert.h>
#include <errno.h>

enum { FAKE_SENT_MAX = 64 * LIMIT_MIB };

static struct fakeconn *conn_of(const struct api_exchange *x)
{
    return (struct fakeconn *)(void *)x->conn;
}

void fakeconn_init(struct fakeconn *c, struct api_server *server)
{
    *c = (struct fakeconn){.x = own_calloc(1, sizeof(*c->x))};
    buf_init(&c->headers, API_HEAD_MAX);
    buf_init(&c->sent, FAKE_SENT_MAX);
    api_request_init(&c->x->req);
    buf_init(&c->x->headers, API_HEAD_MAX);
    buf_init(&c->x->body, API_ANSWER_MAX);
    c->x->server = server;
    c->x->conn = (struct api_conn *)(void *)c;
    c->x->req.method = API_METHOD_GET;
    c->x->req.minor = 1;
    c->x->req.query = "";
    buf_init(&c->x->req.head, API_HEAD_MAX);
    (void)buf_reserve(&c->x->req.head, API_HEAD_MAX); /* spans point into it */
    (void)snprintf(c->x->req.client, sizeof(c->x->req.client), "192.0.2.1");
}

static void over(struct fakeconn *c)
{
    struct api_exchange *x = STEAL(c->x);

    api_request_done(&x->req);
    buf_done(&x->headers);
    buf_done(&x->body);
    free(x);
}

void fakeconn_done(struct fakeconn *c)
{
    if (c->x)
        over(c);
    buf_done(&c->headers);
    buf_done(&c->sent);
}

static struct span head_put(struct api_request *r, const char *text)
{
    const uint8_t *at = r->head.data + r->head.len;

    assert(buf_puts(&r->head, text) == 0);
    return (struct span){at, strlen(text)};
}

void fakeconn_header(struct fakeconn *c, const char *name, const char *value)
{
    struct api_request *r = &c->x->req;

    r->headers = own_realloc(r->headers, (r->n_headers + 1) * sizeof(*r->headers));
    r->headers[r->n_headers++] = (struct api_header){head_put(r, name), head_put(r, value)};
    r->cap_headers = r->n_headers;
}

void fakeconn_upgrade(struct fakeconn *c)
{
    c->x->req.upgrade = true;
    fakeconn_header(c, "Connection", "keep-alive, Upgrade");
    fakeconn_header(c, "Upgrade", "websocket");
    fakeconn_header(c, "Sec-WebSocket-Version", "13");
    /* The key of RFC 6455 section 1.3. */
    fakeconn_header(c, "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
    fakeconn_header(c, "Sec-WebSocket-Protocol", "arena.session.v1");
}

void fakeconn_bytes(struct fakeconn *c, struct span bytes)
{
    if (c->x && c->x->on_bytes)
        c->x->on_bytes(c->x, bytes);
}

void fakeconn_drained(struct fakeconn *c)
{
    c->queued = 0;
    if (c->x && c->x->on_drained)
        c->x->on_drained(c->x);
}

void fakeconn_leave(struct fakeconn *c)
{
    if (!c->x)
        return;
    if (c->x->on_gone)
        c->x->on_gone(c->x);
    over(c);
}

void fakeconn_stop(struct fakeconn *c)
{
    if (c->x && c->x->on_stop)
        STEAL(c->x->on_stop)(c->x);
}

/* --- frames ---------------------------------------------------------------------------------- */

void fakeconn_frame(struct buf *out, unsigned opcode, struct span payload)
{
    static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};

    (void)buf_putc(out, (uint8_t)(0x80 | opcode));
    if (payload.len < 126) {
        (void)buf_putc(out, (uint8_t)(0x80 | payload.len));
    } else {
        const unsigned bytes = payload.len < 65536 ? 2 : 8;

        (void)buf_putc(out, bytes == 2 ? 0x80 | 126 : 0x80 | 127);
        for (unsigned i = bytes; i-- > 0;)
            (void)buf_putc(out, (uint8_t)((uint64_t)payload.len >> 8 * i));
    }
    (void)buf_put(out, mask, sizeof(mask));
    for (size_t i = 0; i < payload.len; i++)
        (void)buf_putc(out, payload.data[i] ^ mask[i % 4]);
}

static uint64_t take_number(struct span *at, unsigned bytes)
{
    uint64_t n = 0;

    assert(at->len >= bytes);
    for (unsigned i = 0; i < bytes; i++)
        n = n << 8 | at->data[i];
    at->data += bytes;
    at->len -= bytes;
    return n;
}

bool fakeconn_next(struct span *at, unsigned *ret_opcode, struct span *ret_payload)
{
    uint64_t first, len;

    if (at->len == 0)
        return false;
    first = take_number(at, 1);
    assert((first & 0xf0) == 0x80); /* whole, and no extension */
    len = take_number(at, 1);
    assert(len < 128); /* never masked */
    if (len >= 126)
        len = take_number(at, len == 126 ? 2 : 8);
    assert((first & 8) == 0 || len < 126);
    assert(at->len >= len);
    *ret_opcode = first & 15;
    *ret_payload = (struct span){at->data, len};
    at->data += len;
    at->len -= len;
    return true;
}

/* --- what api-bridge/response.c does ---------------------------------------------------------- */

struct api_link *api_exchange_link(const struct api_exchange *x)
{
    return x->server->link;
}

const struct api_config *api_exchange_config(const struct api_exchange *x)
{
    return x->server->config;
}

void api_answer_header(struct api_exchange *x, const char *name, const char *value)
{
    (void)buf_printf(&conn_of(x)->headers, "%s: %s\n", name, value);
}

void api_answer_retry(struct api_exchange *x, const struct api_fault *f)
{
    if (f->retry_after_s)
        (void)buf_printf(&conn_of(x)->headers, "Retry-After: %u\n", f->retry_after_s);
}

void api_answer_static(struct api_exchange *x, int status, const char *type, struct span body)
{
    struct fakeconn *c = conn_of(x);

    (void)type;
    assert(!c->status);
    c->status = status;
    (void)buf_put(&c->sent, body.data, body.len);
    over(c);
}

void api_answer(struct api_exchange *x, int status, const char *type)
{
    api_answer_static(x, status, type, buf_span(&x->body));
}

void api_answer_fault(struct api_exchange *x, const struct api_fault *f)
{
    buf_reset(&x->body);
    api_json_put_fault(&x->body, f);
    api_answer(x, api_fault_status(f->code), NULL);
}

void api_answer_code(struct api_exchange *x, enum api_fault_code code)
{
    struct api_fault f = {0};

    api_fault_set(&f, code, NULL);
    api_answer_fault(x, &f);
}

void api_answer_missing(struct api_exchange *x, unsigned allowed)
{
    api_answer_code(x, allowed ? API_FAULT_METHOD_NOT_ALLOWED : API_FAULT_NOT_FOUND);
}

static int stream_begin(struct api_exchange *x, int status)
{
    struct fakeconn *c = conn_of(x);

    c->status = status;
    if (!c->refuse)
        return 0;
    fakeconn_leave(c);
    return -EPIPE;
}

int api_stream_start(struct api_exchange *x, const char *type)
{
    (void)type;
    return stream_begin(x, 200);
}

int api_upgrade_accept(struct api_exchange *x)
{
    return stream_begin(x, 101);
}

int api_stream_write(struct api_exchange *x, struct span bytes)
{
    struct fakeconn *c = conn_of(x);

    if (bytes.len == 0)
        return 0;
    if (c->queued > 0 && c->queued + bytes.len > API_STREAM_QUEUE_MAX) {
        fakeconn_leave(c);
        return -ENOBUFS;
    }
    assert(buf_put(&c->sent, bytes.data, bytes.len) == 0);
    return 0;
}

size_t api_stream_queued(const struct api_exchange *x)
{
    return conn_of(x)->queued;
}

void api_stream_drop(struct api_exchange *x)
{
    fakeconn_leave(conn_of(x));
}

void api_stream_end(struct api_exchange *x)
{
    over(conn_of(x));
}

void api_upgrade_read(struct api_exchange *x, bool on)
{
    conn_of(x)->stopped = !on;
}
