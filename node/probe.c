/* SPDX-License-Identifier: MPL-2.0 */
#include "node/probe.h"

#include "base/own.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>

enum {
    PROBE_CONNECTIONS_MAX = 64,
    PROBE_REQUEST_MAX = 4096,
    PROBE_REPLY_MAX = 4 * 1024 * 1024,
    PROBE_MS_MAX = 5000,
    PROBE_PATH_MAX = 128,
};

struct caller {
    struct caller *next;
    struct probe *probe;
    int fd;
    struct loop_watch *watch;
    struct loop_timer *timer;
    struct buf in;
    struct buf out;
    size_t sent;
};

struct probe {
    struct loop *loop;
    int fd;
    uint16_t port;
    struct loop_watch *watch;
    probe_answer *answer;
    void *ctx;
    struct caller *callers;
    unsigned n;
};

static void caller_free(struct caller *c)
{
    struct caller **at = &c->probe->callers;

    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    c->probe->n--;
    loop_watch_free(c->watch);
    loop_timer_free(c->timer);
    own_close(&c->fd);
    buf_done(&c->in);
    buf_done(&c->out);
    free(c);
}

static void caller_late(void *ctx)
{
    caller_free(ctx);
}

/* "GET PATH HTTP/1.x"; the path without its query. False: not a request for us. */
static bool parse(const struct buf *in, char path[PROBE_PATH_MAX])
{
    const char *text = (const char *)in->data;
    size_t n = 0;

    if (in->len < 4 || memcmp(text, "GET ", 4) != 0)
        return false;
    for (size_t i = 4; i < in->len && text[i] != ' ' && text[i] != '?'; i++) {
        if (n + 1 == PROBE_PATH_MAX || text[i] <= ' ' || text[i] > '~')
            return false;
        path[n++] = text[i];
    }
    path[n] = 0;
    return n > 0;
}

static const char *reason(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 404:
        return "Not Found";
    case 503:
        return "Service Unavailable";
    default:
        return "Bad Request";
    }
}

static void caller_reply(struct caller *c)
{
    char path[PROBE_PATH_MAX];
    auto_buf struct buf body;
    int status = 400;

    buf_init(&body, PROBE_REPLY_MAX - PROBE_REQUEST_MAX);
    if (parse(&c->in, path))
        status = c->probe->answer(c->probe->ctx, path, &body);
    (void)buf_printf(&c->out,
                     "HTTP/1.1 %d %s\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
                     "Content-Length: %zu\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n",
                     status, reason(status), body.len);
    (void)buf_put(&c->out, body.data, body.len);
}

/* False when the connection is gone. */
static bool caller_read(struct caller *c)
{
    uint8_t bytes[1024];
    ssize_t n = recv(c->fd, bytes, sizeof(bytes), 0);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    if (n <= 0 || buf_put(&c->in, bytes, (size_t)n) != 0) {
        caller_free(c);
        return false;
    }
    if (memmem(c->in.data, c->in.len, "\r\n\r\n", 4))
        caller_reply(c);
    return true;
}

static void caller_write(struct caller *c)
{
    ssize_t n = send(c->fd, c->out.data + c->sent, c->out.len - c->sent, MSG_NOSIGNAL);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    c->sent += n > 0 ? (size_t)n : 0;
    if (n < 0 || c->sent == c->out.len)
        caller_free(c);
}

static void caller_turn(void *ctx, int events)
{
    struct caller *c = ctx;

    (void)events;
    if (!c->out.len && !caller_read(c))
        return;
    loop_watch_set(c->watch, c->out.len ? LOOP_WRITE : LOOP_READ);
    if (c->out.len)
        caller_write(c);
}

static void probe_accept(void *ctx, int events)
{
    struct probe *p = ctx;
    int fd = accept4(p->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct caller *c;

    (void)events;
    if (fd < 0)
        return;
    if (p->n >= PROBE_CONNECTIONS_MAX) {
        (void)close(fd);
        return;
    }
    c = own_calloc(1, sizeof(*c));
    c->probe = p;
    c->fd = fd;
    c->next = p->callers;
    p->callers = c;
    p->n++;
    buf_init(&c->in, PROBE_REQUEST_MAX);
    buf_init(&c->out, PROBE_REPLY_MAX);
    c->watch = loop_watch_new(p->loop, fd, caller_turn, c);
    loop_watch_set(c->watch, LOOP_READ);
    c->timer = loop_timer_new(p->loop, caller_late, c);
    loop_timer_set(c->timer, PROBE_MS_MAX);
}

static int probe_listen(const char *address, uint16_t port, struct err *err)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    const int yes = 1;
    char text[8];
    auto_fd int fd = -1;
    int rc;

    (void)snprintf(text, sizeof(text), "%u", port);
    rc = getaddrinfo(address, text, &hints, &found);
    if (rc != 0)
        return err_set(err, EINVAL, "ARENA_BIND: %s: %s", address, gai_strerror(rc));
    fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    rc = fd < 0 || bind(fd, found->ai_addr, found->ai_addrlen) != 0 || listen(fd, 64) != 0;
    freeaddrinfo(found);
    if (rc)
        return err_errno(err, "ARENA_METRICS_PORT: cannot listen on %s:%u", address, port);
    return own_fd_steal(&fd);
}

static uint16_t bound_port(int fd)
{
    struct sockaddr_storage a;
    socklen_t len = sizeof(a);
    char port[8];

    if (getsockname(fd, (struct sockaddr *)&a, &len) != 0 ||
        getnameinfo((struct sockaddr *)&a, len, NULL, 0, port, sizeof(port), NI_NUMERICSERV) != 0)
        return 0;
    return (uint16_t)strtoul(port, NULL, 10);
}

struct probe *probe_new(const struct probe_config *config, struct err *err)
{
    const int fd = probe_listen(config->address, config->port, err);
    struct probe *p;

    if (fd < 0)
        return NULL;
    p = own_calloc(1, sizeof(*p));
    p->loop = config->loop;
    p->fd = fd;
    p->port = bound_port(fd);
    p->answer = config->answer;
    p->ctx = config->ctx;
    p->watch = loop_watch_new(p->loop, fd, probe_accept, p);
    loop_watch_set(p->watch, LOOP_READ);
    return p;
}

void probe_free(struct probe *p)
{
    if (!p)
        return;
    while (p->callers)
        caller_free(p->callers);
    loop_watch_free(p->watch);
    own_close(&p->fd);
    free(p);
}

uint16_t probe_port(const struct probe *p)
{
    return p->port;
}
