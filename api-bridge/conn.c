/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works: libuv reads into one buffer per loop; the bytes go through TLS when there
 * is one, and on to the dialog. Every connection is in the list of its class (OPEN, HEADER,
 * BODY, ...), which is in order of deadlines. LINGER reads and drops after the last answer,
 * so that the client gets the answer and not a reset.
 */
#include "api-bridge/conn.h"

#include "api-bridge/config.h"
#include "api-bridge/limiter.h"
#include "api-bridge/metrics.h"
#include "api-bridge/parser.h"
#include "api-bridge/route.h"
#include "api-bridge/server.h"
#include "api-bridge/tls.h"
#include "base/clock.h"
#include "base/own.h"

#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

enum { CONN_USER_TIMEOUT_MS = 30000, CONN_SPANS_MAX = 4, CONN_RETRY_S = 5 };

struct conn_write {
    uv_write_t req;
    size_t len;
    uint8_t data[];
};

static void list_remove(struct api_conn *c)
{
    struct api_conn_list *l = &c->server->lists[c->class];

    *(c->prev ? &c->prev->next : &l->first) = c->next;
    *(c->next ? &c->next->prev : &l->last) = c->prev;
    c->prev = c->next = NULL;
}

static void list_append(struct api_conn *c, enum api_conn_class class)
{
    struct api_conn_list *l = &c->server->lists[class];

    c->class = class;
    c->prev = l->last;
    *(l->last ? &l->last->next : &l->first) = c;
    l->last = c;
}

static uint64_t class_ms(const struct api_config *k, enum api_conn_class class)
{
    const uint32_t ms[API_CONN_CLASS_N] = {
        [API_CONN_CLASS_HANDSHAKE] = k->handshake_ms,
        [API_CONN_CLASS_HEADER] = k->header_ms,
        [API_CONN_CLASS_BODY] = k->body_ms,
        [API_CONN_CLASS_KEEP_ALIVE] = k->keep_alive_ms,
        [API_CONN_CLASS_WRITE] = k->write_ms,
        [API_CONN_CLASS_LINGER] = k->linger_ms,
    };

    return ms[class];
}

void api_conn_expect(struct api_conn *c, enum api_conn_class class)
{
    if (c->state == CONN_CLOSED)
        return;
    list_remove(c);
    list_append(c, class);
    c->deadline_ms = uv_now(&c->server->loop) + class_ms(c->server->config, class);
}

void api_conn_drop_exchange(struct api_conn *c)
{
    struct api_exchange *x = STEAL(c->x);

    if (!x)
        return;
    (void)atomic_fetch_sub_explicit(&c->server->metrics->in_flight, 1, memory_order_relaxed);
    api_server_exchange_done(c->server, x);
}

static void on_closed(uv_handle_t *h)
{
    struct api_conn *c = h->data;

    c->server->n_connections--;
    if (c->counted)
        api_quota_give(c->counted, &c->key);
    api_parser_free(c->parser);
    api_tls_conn_free(c->tls);
    buf_done(&c->later);
    buf_done(&c->answer);
    free(c);
}

static void on_written(uv_write_t *req, int status)
{
    struct api_conn *c = req->handle->data;
    struct conn_write *w = (struct conn_write *)(void *)req;

    c->queued -= w->len;
    free(w);
    if (c->state == CONN_CLOSED)
        return;
    if (status < 0)
        api_conn_close(c);
    else if (c->queued == 0)
        api_dialog_drained(c);
}

/* Queues what is behind the first `skip` bytes. */
static int queue_rest(struct api_conn *c, const struct span *spans, unsigned n, size_t skip)
{
    struct conn_write *w;
    size_t len = 0, at = 0;
    int r;

    for (unsigned i = 0; i < n; i++)
        len += spans[i].len;
    if (len == skip)
        return 0;
    w = own_calloc(1, sizeof(*w) + len - skip);
    w->len = len - skip;
    for (unsigned i = 0; i < n; i++) {
        size_t drop = skip < spans[i].len ? skip : spans[i].len;

        if (spans[i].len > drop)
            memcpy(w->data + at, spans[i].data + drop, spans[i].len - drop);
        at += spans[i].len - drop;
        skip -= drop;
    }
    r = uv_write(&w->req, (uv_stream_t *)&c->tcp,
                 &(uv_buf_t){.base = (char *)w->data, .len = w->len}, 1, on_written);
    if (r < 0) {
        free(w);
        return r;
    }
    c->queued += w->len;
    return 0;
}

static int write_plain(struct api_conn *c, const struct span *spans, unsigned n)
{
    uv_buf_t bufs[CONN_SPANS_MAX] = {0};
    int r = UV_EAGAIN;

    assert(n <= CONN_SPANS_MAX);
    for (unsigned i = 0; i < n; i++)
        bufs[i] = uv_buf_init((char *)(uintptr_t)spans[i].data, (unsigned)spans[i].len);
    if (c->queued == 0)
        r = uv_try_write((uv_stream_t *)&c->tcp, bufs, n);
    if (r < 0 && r != UV_EAGAIN)
        return r;
    return queue_rest(c, spans, n, r > 0 ? (size_t)r : 0);
}

/* So that the client can tell the end from a cut. */
static void say_bye(struct api_conn *c)
{
    auto_buf struct buf bye = {.max = LIMIT_KIB};

    if (c->tls && c->queued == 0 && api_tls_bye(c->tls, &bye) == 0 && bye.len > 0)
        (void)write_plain(c, &(struct span){bye.data, bye.len}, 1);
}

void api_conn_close(struct api_conn *c)
{
    bool at_work = c->state == CONN_WAIT || c->state == CONN_STREAM || c->state == CONN_UPGRADED;

    if (c->state == CONN_CLOSED)
        return;
    say_bye(c);
    if (c->state == CONN_STREAM || c->state == CONN_UPGRADED)
        c->server->n_streams--;
    c->state = CONN_CLOSED;
    if (c->x && at_work && c->x->on_gone)
        c->x->on_gone(c->x);
    if (c->x && at_work)
        api_server_account(c->server, c->x, 0);
    api_conn_drop_exchange(c);
    list_remove(c);
    uv_close((uv_handle_t *)&c->tcp, on_closed);
}

static void on_shutdown(uv_shutdown_t *req, int status)
{
    (void)status;
    free(req);
}

/* The last answer is out: end our side, and wait a little for the client to end its own. */
void api_conn_linger(struct api_conn *c)
{
    uv_shutdown_t *req;

    if (c->state == CONN_CLOSED)
        return;
    if (c->eof && c->queued == 0) {
        api_conn_close(c);
        return;
    }
    c->state = CONN_LINGER;
    buf_done(&c->later);
    api_conn_read(c);
    api_conn_expect(c, c->queued ? API_CONN_CLASS_WRITE : API_CONN_CLASS_LINGER);
    if (c->shutting || c->queued)
        return;
    c->shutting = true;
    say_bye(c);
    req = own_calloc(1, sizeof(*req));
    if (uv_shutdown(req, (uv_stream_t *)&c->tcp, on_shutdown) < 0) {
        free(req);
        api_conn_close(c);
    }
}

int api_conn_write(struct api_conn *c, const struct span *spans, unsigned n)
{
    int r = 0;

    if (c->state == CONN_CLOSED)
        return -EPIPE;
    if (c->tls) {
        auto_buf struct buf sealed = {.max = API_ANSWER_MAX * 2UL};

        for (unsigned i = 0; i < n && r == 0; i++)
            r = api_tls_seal(c->tls, spans[i], &sealed);
        if (r == 0)
            r = write_plain(c, &(struct span){sealed.data, sealed.len}, 1);
    } else {
        r = write_plain(c, spans, n);
    }
    if (r < 0)
        api_conn_close(c);
    return r;
}

static void on_eof(struct api_conn *c)
{
    c->eof = true;
    c->reading = false;
    if (c->state == CONN_WAIT && !c->x->patient)
        return; /* the answer is due soon, and the client may still read it */
    if (c->state == CONN_LINGER && c->queued)
        return;
    if (c->state == CONN_IDLE && (c->queued || c->later.len))
        return;
    api_conn_close(c);
}

/* Through TLS when there is one. */
static void on_input(struct api_conn *c, struct span in)
{
    auto_buf struct buf plain = {.max = LIMIT_MIB}, reply = {.max = LIMIT_MIB};
    bool ready = false;
    int r;

    if (!c->tls) {
        api_dialog_run(c, in);
        return;
    }
    r = api_tls_open(c->tls, in, &plain, &reply, &ready);
    if (reply.len && write_plain(c, &(struct span){reply.data, reply.len}, 1) < 0)
        r = -EPIPE;
    if (r < 0 && r != -ENODATA) {
        api_conn_close(c);
        return;
    }
    if (ready && c->class == API_CONN_CLASS_HANDSHAKE)
        api_conn_expect(c, API_CONN_CLASS_HEADER);
    if (plain.len)
        api_dialog_run(c, buf_span(&plain));
    if (r == -ENODATA && c->state != CONN_CLOSED)
        on_eof(c);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct api_conn *c = stream->data;

    if (n > 0)
        on_input(c, (struct span){(const uint8_t *)buf->base, (size_t)n});
    else if (n == UV_EOF)
        on_eof(c);
    else if (n < 0)
        api_conn_close(c);
}

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *buf)
{
    struct api_conn *c = h->data;

    (void)suggested;
    *buf = uv_buf_init(c->server->read_buf, 64 * LIMIT_KIB);
}

void api_conn_read(struct api_conn *c)
{
    if (c->reading || c->eof || c->state == CONN_CLOSED)
        return;
    c->reading = uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read) == 0;
}

void api_conn_pause(struct api_conn *c)
{
    if (c->reading)
        (void)uv_read_stop((uv_stream_t *)&c->tcp);
    c->reading = false;
}

static void set_options(struct api_conn *c)
{
    int timeout = CONN_USER_TIMEOUT_MS;
    uv_os_fd_t fd;

    (void)uv_tcp_nodelay(&c->tcp, 1);
    if (uv_fileno((uv_handle_t *)&c->tcp, &fd) == 0)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof(timeout));
}

static bool has_place(struct api_conn *c, struct api_quota *quota)
{
    if (api_quota_take(quota, &c->key))
        return false;
    c->counted = quota;
    return true;
}

/* Where it comes from, if that can still be told. */
static bool find_peer(struct api_conn *c, struct api_address *ret_address)
{
    struct sockaddr_storage from;
    int len = sizeof(from);
    char text[API_ADDRESS_TEXT];

    if (uv_tcp_getpeername(&c->tcp, (struct sockaddr *)&from, &len) < 0 ||
        uv_ip_name((struct sockaddr *)&from, text, sizeof(text)) < 0 ||
        api_address_parse(text, ret_address) < 0)
        return false;
    (void)api_address_format(ret_address, c->peer);
    return true;
}

/* False, and told, when this address has too many already. Those who are told may stay to read it
 * only while they are few: a connection that is not let in must not cost what one costs that is. */
static bool is_let_in(struct api_conn *c)
{
    const struct api_shared *shared = c->server->shared;
    struct api_fault f = {.retry_after_s = CONN_RETRY_S};
    struct api_address address;

    if (!find_peer(c, &address) || api_limiter_exempts(shared->limiter, &address))
        return true;
    c->key = api_quota_key(&address, 0);
    if (has_place(c, shared->connections))
        return true;
    (void)atomic_fetch_add_explicit(&c->server->metrics->connections_refused, 1,
                                    memory_order_relaxed);
    api_fault_set(&f, API_FAULT_CONNECTIONS, NULL);
    if (c->tls || !has_place(c, shared->refusals))
        api_conn_close(c);
    else
        api_dialog_refuse(c, &f);
    return false;
}

void api_conn_accept(struct api_server *s)
{
    struct api_conn *c = own_calloc(1, sizeof(*c));

    c->server = s;
    c->tls = s->shared->tls ? api_tls_conn_new(s->shared->tls) : NULL;
    (void)uv_tcp_init(&s->loop, &c->tcp);
    c->tcp.data = c;
    s->n_connections++;
    list_append(c, API_CONN_CLASS_OPEN);
    api_conn_expect(c, c->tls ? API_CONN_CLASS_HANDSHAKE : API_CONN_CLASS_HEADER);
    if (uv_accept((uv_stream_t *)&s->listener, (uv_stream_t *)&c->tcp) < 0 ||
        s->n_connections > s->config->connections_max) {
        api_conn_close(c);
        return;
    }
    set_options(c);
    if (is_let_in(c))
        api_conn_read(c);
}

static void on_deadline(struct api_conn *c)
{
    struct api_fault f = {0};

    if ((c->state == CONN_HEAD && api_parser_in_head(c->parser)) || c->state == CONN_BODY) {
        api_fault_set(&f, API_FAULT_SLOW_REQUEST, NULL);
        api_dialog_bad(c, &f);
        return;
    }
    api_conn_close(c);
}

void api_conn_sweep(struct api_server *s)
{
    uint64_t now = uv_now(&s->loop);

    for (enum api_conn_class k = API_CONN_CLASS_OPEN + 1; k < API_CONN_CLASS_N; k++) {
        while (s->lists[k].first && s->lists[k].first->deadline_ms <= now)
            on_deadline(s->lists[k].first);
    }
}

static void stop_one(struct api_conn *c)
{
    c->last = true;
    if (c->state == CONN_IDLE && c->queued == 0)
        api_conn_close(c);
    else if (c->x && c->x->on_stop)
        STEAL(c->x->on_stop)(c->x);
}

void api_conn_stop_all(struct api_server *s)
{
    for (enum api_conn_class k = 0; k < API_CONN_CLASS_N; k++) {
        for (struct api_conn *c = s->lists[k].first, *next; c; c = next) {
            next = c->next;
            stop_one(c);
        }
    }
}

void api_conn_close_all(struct api_server *s)
{
    for (enum api_conn_class k = 0; k < API_CONN_CLASS_N; k++) {
        while (s->lists[k].first)
            api_conn_close(s->lists[k].first);
    }
}
