/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works: a tick every 250 ms sweeps deadlines, flushes the access log and gives the
 * link its time; everything else is an event. A stop closes the listener, lets what is under
 * way finish, and after `drain_ms` closes what is left; then the loop has nothing to wait for.
 */
#include "api-bridge/server.h"

#include "api-bridge/accesslog.h"
#include "api-bridge/cache.h"
#include "api-bridge/callback.h"
#include "api-bridge/config.h"
#include "api-bridge/languages.h"
#include "api-bridge/link.h"
#include "api-bridge/metrics.h"
#include "api-bridge/session.h"
#include "api-bridge/stream.h"
#include "base/clock.h"
#include "base/own.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <time.h>

enum {
    SERVER_TICK_MS = 250,
    SERVER_BACKLOG = 4096,
    SERVER_READ_BUF = 64 * LIMIT_KIB,
    SERVER_SPARE = 128,               /* exchanges kept for requests to come */
    SERVER_SPARE_BUF = 4 * LIMIT_KIB, /* what each of their buffers may keep */
};

const char *api_server_date(struct api_server *s)
{
    int64_t now = clock_wall_ms() / 1000;
    time_t t = (time_t)now;
    struct tm tm;

    if (now != s->date_s) {
        s->date_s = now;
        (void)strftime(s->date, sizeof(s->date), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&t, &tm));
    }
    return s->date;
}

void api_server_account(struct api_server *s, const struct api_exchange *x, size_t bytes)
{
    uint64_t took_us = (clock_mono_ns() - x->req.began_ns) / 1000;

    api_metrics_count(s->metrics, x->route, x->status ? x->status : 499, took_us);
    if (s->log)
        api_accesslog_add(s->log, x, bytes, took_us);
}

struct api_exchange *api_server_exchange(struct api_server *s)
{
    struct api_exchange *x = s->spare;

    if (x) {
        s->spare = STEAL(x->state);
        s->n_spare--;
        return x;
    }
    x = own_calloc(1, sizeof(*x));
    api_request_init(&x->req);
    buf_init(&x->headers, API_HEAD_MAX);
    buf_init(&x->body, API_ANSWER_MAX);
    return x;
}

/* Empties it, and keeps its memory unless it is large. */
static void buf_recycle(struct buf *b, size_t max)
{
    if (b->cap > SERVER_SPARE_BUF)
        buf_done(b);
    buf_reset(b);
    b->max = max;
}

static void exchange_free(struct api_exchange *x)
{
    api_request_done(&x->req);
    buf_done(&x->headers);
    buf_done(&x->body);
    free(x);
}

void api_server_exchange_done(struct api_server *s, struct api_exchange *x)
{
    struct api_exchange fresh = {.headers = x->headers, .body = x->body, .state = s->spare};

    if (s->n_spare == SERVER_SPARE) {
        exchange_free(x);
        return;
    }
    buf_recycle(&fresh.headers, API_HEAD_MAX);
    buf_recycle(&fresh.body, API_ANSWER_MAX);
    api_request_recycle(&x->req);
    fresh.req = x->req;
    *x = fresh;
    s->spare = x;
    s->n_spare++;
}

static void on_connection(uv_stream_t *listener, int status)
{
    if (status == 0)
        api_conn_accept(listener->data);
}

static void stop_when_empty(struct api_server *s)
{
    if (!s->stopping || uv_is_closing((uv_handle_t *)&s->tick))
        return;
    if (s->n_connections > 0 && uv_now(&s->loop) < s->stop_by_ms)
        return;
    api_conn_close_all(s);
    api_streams_free(STEAL(s->streams));
    api_sessions_free(STEAL(s->sessions));
    api_callbacks_free(STEAL(s->callbacks));
    api_languages_free(STEAL(s->languages));
    api_link_free(STEAL(s->link));
    uv_close((uv_handle_t *)&s->tick, NULL);
    uv_close((uv_handle_t *)&s->wake, NULL);
}

static bool serves(const struct api_server *s)
{
    return api_link_peers_up(s->link) > 0 && api_languages_len(s->languages) > 0;
}

bool api_server_all_serve(const struct api_server *s)
{
    const struct api_metrics_set *set = s->shared->metrics;

    for (unsigned i = 0; i < set->n; i++) {
        if (!atomic_load_explicit(&set->shares[i].serves, memory_order_relaxed))
            return false;
    }
    return serves(s);
}

static void on_tick(uv_timer_t *t)
{
    struct api_server *s = t->data;

    api_conn_sweep(s);
    api_languages_tick(s->languages);
    api_streams_tick(s->streams);
    api_sessions_tick(s->sessions);
    api_callbacks_tick(s->callbacks);
    if (s->log)
        api_accesslog_flush(s->log);
    atomic_store_explicit(&s->metrics->connections, s->n_connections, memory_order_relaxed);
    atomic_store_explicit(&s->metrics->streams, s->n_streams, memory_order_relaxed);
    atomic_store_explicit(&s->metrics->peers_up, api_link_peers_up(s->link), memory_order_relaxed);
    atomic_store_explicit(&s->metrics->serves, serves(s), memory_order_relaxed);
    stop_when_empty(s);
}

static void on_wake(uv_async_t *a)
{
    struct api_server *s = a->data;
    const struct api_config *next = atomic_exchange(&s->config_next, NULL);

    if (next)
        s->config = next;
    if (!atomic_load(&s->stop_asked) || s->stopping)
        return;
    s->stopping = true;
    s->stop_by_ms = uv_now(&s->loop) + s->config->drain_ms;
    uv_close((uv_handle_t *)&s->listener, NULL);
    api_conn_stop_all(s);
    stop_when_empty(s);
}

/* A socket of our own, since libuv cannot ask for SO_REUSEPORT here. */
static int bind_shared(const struct api_config *c, const struct sockaddr *addr, socklen_t len,
                       struct err *err)
{
    auto_fd int fd = socket(addr->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int one = 1, zero = 0;

    if (fd < 0)
        return err_errno(err, "socket");
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (addr->sa_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) < 0)
        return err_errno(err, "SO_REUSEPORT");
    if (bind(fd, addr, len) < 0)
        return err_errno(err, "bind %s port %u", c->bind, c->port);
    return own_fd_steal(&fd);
}

static int listen_on(struct api_server *s, const struct api_config *c, uint16_t *ret_port,
                     struct err *err)
{
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(c->port)};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(c->port)};
    struct sockaddr_storage got;
    socklen_t len = sizeof(got);
    int fd, r;

    if (inet_pton(AF_INET, c->bind, &four.sin_addr) == 1)
        fd = bind_shared(c, (const struct sockaddr *)&four, sizeof(four), err);
    else if (inet_pton(AF_INET6, c->bind, &six.sin6_addr) == 1)
        fd = bind_shared(c, (const struct sockaddr *)&six, sizeof(six), err);
    else
        return err_set(err, EINVAL, "\"%s\" is not an address to listen on", c->bind);
    if (fd < 0)
        return fd;
    if (getsockname(fd, (struct sockaddr *)&got, &len) == 0)
        *ret_port = ntohs(got.ss_family == AF_INET ? ((struct sockaddr_in *)&got)->sin_port
                                                   : ((struct sockaddr_in6 *)&got)->sin6_port);
    r = uv_tcp_open(&s->listener, fd);
    if (r < 0) {
        (void)close(fd);
        return err_set(err, r, "listener: %s", uv_strerror(r));
    }
    r = uv_listen((uv_stream_t *)&s->listener, SERVER_BACKLOG, on_connection);
    return r < 0 ? err_set(err, r, "listen: %s", uv_strerror(r)) : 0;
}

int api_server_init(struct api_server *s, const struct api_server_options *o, uint16_t *ret_port,
                    struct err *err)
{
    int r;

    *s = (struct api_server){.index = o->index, .config = o->config, .shared = o->shared};
    s->metrics = &o->shared->metrics->shares[o->index];
    s->read_buf = own_calloc(1, SERVER_READ_BUF);
    s->cache = api_cache_new(o->config->cache_max);
    s->log = o->log_fd >= 0 ? api_accesslog_new(o->log_fd) : NULL;
    r = uv_loop_init(&s->loop);
    if (r < 0)
        return err_set(err, r, "loop: %s", uv_strerror(r));
    rng_init(&s->rng, uv_hrtime() ^ ((uint64_t)getpid() << 32) ^ o->index);
    (void)uv_timer_init(&s->loop, &s->tick);
    (void)uv_async_init(&s->loop, &s->wake, on_wake);
    (void)uv_tcp_init(&s->loop, &s->listener);
    s->tick.data = s->wake.data = s->listener.data = s;
    (void)uv_timer_start(&s->tick, on_tick, SERVER_TICK_MS, SERVER_TICK_MS);
    s->link = api_link_new(&s->loop, o->config, s->metrics, err);
    s->languages = s->link ? api_languages_new(s->link) : NULL;
    s->streams = s->link ? api_streams_new(s) : NULL;
    s->sessions = s->link ? api_sessions_new(s) : NULL;
    s->callbacks = s->link ? api_callbacks_new(&s->loop, s->link, &o->config->webhook) : NULL;
    if (s->callbacks && o->index == 0)
        api_callbacks_sweep(s->callbacks);
    r = s->link ? listen_on(s, o->config, ret_port, err) : -err->code;
    if (r < 0) {
        uv_close((uv_handle_t *)&s->listener, NULL);
        s->stopping = true;
        stop_when_empty(s);
        (void)uv_run(&s->loop, UV_RUN_DEFAULT);
        api_server_done(s);
    }
    return r;
}

void api_server_run(struct api_server *s)
{
    (void)uv_run(&s->loop, UV_RUN_DEFAULT);
}

void api_server_done(struct api_server *s)
{
    (void)uv_loop_close(&s->loop);
    api_accesslog_free(s->log);
    free(s->read_buf);
    api_cache_free(STEAL(s->cache));
    buf_done(&s->answer);
    while (s->spare) {
        struct api_exchange *x = s->spare;

        s->spare = STEAL(x->state);
        exchange_free(x);
    }
    s->log = NULL;
    s->read_buf = NULL;
}

void api_server_stop(struct api_server *s)
{
    atomic_store(&s->stop_asked, true);
    (void)uv_async_send(&s->wake);
}

void api_server_reload(struct api_server *s, const struct api_config *config)
{
    atomic_store(&s->config_next, config);
    (void)uv_async_send(&s->wake);
}
