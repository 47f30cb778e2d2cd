/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works: an answer is one piece of memory, head and body, the same for all answers of a
 * loop, shown to the connection, which sends it or copies it until its turn has come. A stream's
 * head goes out at once, its pieces as chunks (RFC 9112 section 7.1), or plain to a client of
 * HTTP/1.0.
 */
#include "api-bridge/conn.h"
#include "api-bridge/route.h"
#include "api-bridge/server.h"
#include "api-bridge/writer.h"
#include "base/own.h"

#include <errno.h>

enum { RESPONSE_HEAD_MAX = API_HEAD_MAX + LIMIT_KIB, RESPONSE_KEEP = 64 * LIMIT_KIB };

static const char type_json[] = "application/json; charset=utf-8";

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
    if (strpbrk(value, "\r\n"))
        return;
    (void)buf_puts(&x->headers, name);
    (void)buf_put(&x->headers, ": ", 2);
    (void)buf_puts(&x->headers, value);
    (void)buf_put(&x->headers, "\r\n", 2);
}

static void put_texts(struct buf *out, const char *const *texts)
{
    for (; *texts; texts++)
        (void)buf_puts(out, *texts);
}

/* Everything of a head but how the body's end is told. */
static void put_head(struct api_exchange *x, int status, const char *type, struct buf *out)
{
    x->status = status;
    put_texts(out, (const char *const[]){"HTTP/1.1 ", api_status_line(status),
                                         "\r\nDate: ", api_server_date(x->server),
                                         "\r\nX-Request-Id: ", x->req.id, "\r\n", NULL});
    if (type)
        put_texts(out, (const char *const[]){"Content-Type: ", type,
                                             "\r\nX-Content-Type-Options: nosniff\r\n", NULL});
    (void)buf_put(out, x->headers.data, x->headers.len);
    buf_reset(&x->headers);
}

static void put_connection(struct api_exchange *x, struct buf *out)
{
    if (api_conn_closes(x->conn))
        (void)buf_puts(out, "Connection: close\r\n");
    else if (x->req.minor == 0)
        (void)buf_puts(out, "Connection: keep-alive\r\n");
}

static void answer_bytes(struct api_exchange *x, int status, const char *type, struct span body)
{
    struct buf *out = &x->server->answer;
    struct api_server *s = x->server;

    buf_reset(out);
    out->max = RESPONSE_HEAD_MAX + body.len;
    (void)buf_reserve(out, 512 + x->headers.len + body.len);
    put_head(x, status, status == 204 ? NULL : type, out);
    if (status != 204) {
        (void)buf_puts(out, "Content-Length: ");
        (void)buf_put_uint(out, body.len);
        (void)buf_put(out, "\r\n", 2);
    }
    put_connection(x, out);
    (void)buf_puts(out, "\r\n");
    if (x->req.method != API_METHOD_HEAD && status != 204)
        (void)buf_put(out, body.data, body.len);
    api_conn_answer(x->conn, buf_span(out));
    if (s->answer.cap > RESPONSE_KEEP)
        buf_done(&s->answer);
}

void api_answer(struct api_exchange *x, int status, const char *type)
{
    struct api_fault f = {0};

    if (x->body.full) {
        api_fault_set(&f, API_FAULT_INTERNAL, "the answer is too large");
        api_answer_fault(x, &f);
        return;
    }
    answer_bytes(x, status, type ? type : type_json, buf_span(&x->body));
}

void api_answer_static(struct api_exchange *x, int status, const char *type, struct span body)
{
    answer_bytes(x, status, type, body);
}

void api_answer_retry(struct api_exchange *x, const struct api_fault *f)
{
    if (f->retry_after_s)
        (void)buf_printf(&x->headers, "Retry-After: %u\r\n", f->retry_after_s);
}

/* {"error": {...}}, or what other servers' clients look for. */
static void put_fault(struct api_exchange *x, const struct api_fault *f)
{
    const enum api_form form = api_route_form(x->route);
    struct api_json_writer w;

    if (form == API_FORM_OWN) {
        api_json_put_fault(&x->body, f);
        return;
    }
    api_json_writer_init(&w, &x->body);
    api_json_open(&w, NULL, '{');
    api_json_put_str(&w, form == API_FORM_PISTON ? "message" : "error", f->text);
    api_json_close(&w, '}');
}

void api_answer_fault(struct api_exchange *x, const struct api_fault *f)
{
    x->fault = f->code;
    buf_done(&x->body);
    buf_init(&x->body, API_ANSWER_MAX);
    put_fault(x, f);
    api_answer_retry(x, f);
    answer_bytes(x, api_fault_status(f->code), type_json, buf_span(&x->body));
}

void api_answer_code(struct api_exchange *x, enum api_fault_code code)
{
    struct api_fault f = {0};

    api_fault_set(&f, code, NULL);
    api_answer_fault(x, &f);
}

void api_answer_missing(struct api_exchange *x, unsigned allowed)
{
    if (allowed == 0) {
        api_answer_code(x, API_FAULT_NOT_FOUND);
        return;
    }
    if (allowed & 1U << API_METHOD_GET)
        allowed |= 1U << API_METHOD_HEAD;
    (void)buf_puts(&x->headers, "Allow: OPTIONS");
    for (enum api_method m = 0; m < API_METHOD_N; m++) {
        if (allowed & 1U << m)
            (void)buf_printf(&x->headers, ", %s", api_method_name(m));
    }
    (void)buf_puts(&x->headers, "\r\n");
    if (x->req.method == API_METHOD_OPTIONS)
        api_answer(x, 204, NULL);
    else
        api_answer_code(x, API_FAULT_METHOD_NOT_ALLOWED);
}

int api_stream_start(struct api_exchange *x, const char *type)
{
    auto_buf struct buf out;

    buf_init(&out, RESPONSE_HEAD_MAX);
    put_head(x, 200, type, &out);
    if (x->req.minor > 0)
        (void)buf_puts(&out, "Transfer-Encoding: chunked\r\n");
    if (x->req.minor == 0 || api_conn_closes(x->conn))
        (void)buf_puts(&out, "Connection: close\r\n");
    (void)buf_puts(&out, "\r\n");
    return api_conn_stream(x->conn, buf_span(&out), false);
}

int api_stream_write(struct api_exchange *x, struct span bytes)
{
    struct api_conn *c = x->conn;
    char size[24];
    int n = snprintf(size, sizeof(size), "%zx\r\n", bytes.len);
    struct span chunk[] = {{(const uint8_t *)size, (size_t)n}, bytes, span_of("\r\n")};

    if (bytes.len == 0)
        return 0;
    if (c->queued > 0 && c->queued + bytes.len > API_STREAM_QUEUE_MAX) {
        api_conn_close(c);
        return -ENOBUFS;
    }
    if (c->state == CONN_UPGRADED || x->req.minor == 0)
        return api_conn_write(c, &bytes, 1);
    return api_conn_write(c, chunk, ARRAY_LEN(chunk));
}

size_t api_stream_queued(const struct api_exchange *x)
{
    return x->conn->queued;
}

void api_stream_drop(struct api_exchange *x)
{
    api_conn_close(x->conn);
}

void api_stream_end(struct api_exchange *x)
{
    struct span last = span_of("0\r\n\r\n");

    x->on_gone = NULL;
    x->on_drained = NULL;
    if (x->conn->state == CONN_STREAM && x->req.minor > 0 && api_conn_write(x->conn, &last, 1) < 0)
        return;
    api_conn_finish(x->conn);
}

int api_upgrade_accept(struct api_exchange *x)
{
    auto_buf struct buf out;

    buf_init(&out, RESPONSE_HEAD_MAX);
    put_head(x, 101, NULL, &out);
    (void)buf_puts(&out, "Connection: Upgrade\r\n\r\n");
    return api_conn_stream(x->conn, buf_span(&out), true);
}

void api_upgrade_read(struct api_exchange *x, bool on)
{
    if (on)
        api_conn_read(x->conn);
    else
        api_conn_pause(x->conn);
}
