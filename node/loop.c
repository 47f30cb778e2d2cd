/* SPDX-License-Identifier: MPL-2.0 */
#include <uv.h>

#include "node/loop.h"

#include "base/own.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <sys/syscall.h>

struct loop {
    uv_loop_t uv;
};

struct loop_watch {
    uv_poll_t uv;
    void (*fn)(void *ctx, int events);
    void *ctx;
};

struct loop_timer {
    uv_timer_t uv;
    void (*fn)(void *ctx);
    void *ctx;
};

struct loop_child {
    uv_process_t uv;
    void (*exited)(void *ctx, int64_t status, int signal);
    void *ctx;
};

struct loop_signal_watch {
    uv_signal_t uv;
    void (*fn)(void *ctx);
    void *ctx;
};

struct loop_lookup {
    uv_getaddrinfo_t uv;
    void (*fn)(void *ctx, const struct sockaddr *address);
    void *ctx;
};

struct loop *loop_new(void)
{
    struct loop *l = own_calloc(1, sizeof(*l));

    if (uv_loop_init(&l->uv) != 0)
        abort();
    return l;
}

/* Every handle is the first member of its own allocation. */
static void loop_closed(uv_handle_t *h)
{
    free(h);
}

static void loop_close_each(uv_handle_t *h, void *ctx)
{
    (void)ctx;
    if (!uv_is_closing(h))
        uv_close(h, loop_closed);
}

void loop_free(struct loop *l)
{
    if (!l)
        return;
    uv_walk(&l->uv, loop_close_each, NULL);
    (void)uv_run(&l->uv, UV_RUN_DEFAULT);
    (void)uv_loop_close(&l->uv);
    free(l);
}

void loop_run(struct loop *l)
{
    (void)uv_run(&l->uv, UV_RUN_DEFAULT);
}

void loop_stop(struct loop *l)
{
    uv_stop(&l->uv);
}

uint64_t loop_now_ms(const struct loop *l)
{
    return uv_now(&l->uv);
}

static void loop_polled(uv_poll_t *h, int status, int events)
{
    struct loop_watch *w = (struct loop_watch *)h;
    int ours = 0;

    if (status != 0)
        ours = LOOP_READ | LOOP_WRITE; /* the reader finds out what is wrong */
    if (events & (UV_READABLE | UV_DISCONNECT))
        ours |= LOOP_READ;
    if (events & UV_WRITABLE)
        ours |= LOOP_WRITE;
    w->fn(w->ctx, ours);
}

struct loop_watch *loop_watch_new(struct loop *l, int fd, void (*fn)(void *ctx, int events),
                                  void *ctx)
{
    struct loop_watch *w = own_calloc(1, sizeof(*w));

    w->fn = fn;
    w->ctx = ctx;
    if (uv_poll_init(&l->uv, &w->uv, fd) != 0)
        abort();
    return w;
}

void loop_watch_set(struct loop_watch *w, int events)
{
    int theirs = 0;

    if (events & LOOP_READ)
        theirs |= UV_READABLE;
    if (events & LOOP_WRITE)
        theirs |= UV_WRITABLE;
    if (theirs)
        (void)uv_poll_start(&w->uv, theirs, loop_polled);
    else
        (void)uv_poll_stop(&w->uv);
}

void loop_watch_free(struct loop_watch *w)
{
    if (!w)
        return;
    (void)uv_poll_stop(&w->uv);
    uv_close((uv_handle_t *)&w->uv, loop_closed);
}

static void loop_timer_fired(uv_timer_t *h)
{
    struct loop_timer *t = (struct loop_timer *)h;

    t->fn(t->ctx);
}

struct loop_timer *loop_timer_new(struct loop *l, void (*fn)(void *ctx), void *ctx)
{
    struct loop_timer *t = own_calloc(1, sizeof(*t));

    t->fn = fn;
    t->ctx = ctx;
    (void)uv_timer_init(&l->uv, &t->uv);
    return t;
}

void loop_timer_set(struct loop_timer *t, uint64_t ms)
{
    uv_update_time(t->uv.loop);
    (void)uv_timer_start(&t->uv, loop_timer_fired, ms, 0);
}

void loop_timer_stop(struct loop_timer *t)
{
    (void)uv_timer_stop(&t->uv);
}

void loop_timer_free(struct loop_timer *t)
{
    if (!t)
        return;
    (void)uv_timer_stop(&t->uv);
    uv_close((uv_handle_t *)&t->uv, loop_closed);
}

static void loop_child_exited(uv_process_t *h, int64_t status, int signal)
{
    struct loop_child *c = (struct loop_child *)h;

    if (c->exited)
        c->exited(c->ctx, status, signal);
}

struct loop_child *loop_child_new(struct loop *l, const struct loop_command *cmd, struct err *err)
{
    struct loop_child *c = own_calloc(1, sizeof(*c));
    uv_stdio_container_t stdio[4] = {{.flags = UV_IGNORE}};
    uv_process_options_t o = {0};
    int rc;

    for (uint32_t i = 0; i < cmd->n_fds; i++) {
        stdio[i].flags = cmd->fds[i] < 0 ? UV_IGNORE : UV_INHERIT_FD;
        stdio[i].data.fd = cmd->fds[i];
    }
    o.file = cmd->argv[0];
    o.args = (char **)(uintptr_t)cmd->argv;
    o.env = (char **)(uintptr_t)cmd->env;
    o.stdio = stdio;
    o.stdio_count = (int)cmd->n_fds;
    o.exit_cb = loop_child_exited;
    c->exited = cmd->exited;
    c->ctx = cmd->ctx;
    rc = uv_spawn(&l->uv, &c->uv, &o);
    if (rc != 0) {
        uv_close((uv_handle_t *)&c->uv, loop_closed);
        return err_set(err, -rc, "cannot start %s: %s", cmd->argv[0], uv_strerror(rc)), NULL;
    }
    return c;
}

int loop_child_pid(const struct loop_child *c)
{
    return uv_process_get_pid(&c->uv);
}

int loop_child_kill(struct loop_child *c, int signal)
{
    return uv_process_kill(&c->uv, signal);
}

bool loop_child_wait(const struct loop_child *c, uint64_t ms)
{
    auto_fd int fd = (int)syscall(SYS_pidfd_open, loop_child_pid(c), 0);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    const uint64_t end_ms = uv_hrtime() / 1000000 + ms;
    uint64_t now_ms;
    int rc;

    if (fd < 0)
        return errno == ESRCH;
    do {
        now_ms = uv_hrtime() / 1000000;
        rc = poll(&p, 1, now_ms < end_ms ? (int)(end_ms - now_ms) : 0);
    } while (rc < 0 && errno == EINTR); /* another child's SIGCHLD */
    return rc == 1;
}

void loop_child_free(struct loop_child *c)
{
    if (!c)
        return;
    c->exited = NULL;
    uv_close((uv_handle_t *)&c->uv, loop_closed);
}

static void loop_signalled(uv_signal_t *h, int signal)
{
    struct loop_signal_watch *w = (struct loop_signal_watch *)h;

    (void)signal;
    w->fn(w->ctx);
}

void loop_signal(struct loop *l, int signal, void (*fn)(void *ctx), void *ctx)
{
    struct loop_signal_watch *w = own_calloc(1, sizeof(*w));

    w->fn = fn;
    w->ctx = ctx;
    (void)uv_signal_init(&l->uv, &w->uv);
    (void)uv_signal_start(&w->uv, loop_signalled, signal);
}

static void loop_resolved(uv_getaddrinfo_t *h, int status, struct addrinfo *all)
{
    struct loop_lookup *r = (struct loop_lookup *)h;

    for (struct addrinfo *a = status == 0 ? all : NULL; a; a = a->ai_next)
        r->fn(r->ctx, a->ai_addr);
    r->fn(r->ctx, NULL);
    uv_freeaddrinfo(all);
    free(r);
}

int loop_resolve(struct loop *l, const char *host,
                 void (*fn)(void *ctx, const struct sockaddr *address), void *ctx, struct err *err)
{
    struct loop_lookup *r = own_calloc(1, sizeof(*r));
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    int rc;

    r->fn = fn;
    r->ctx = ctx;
    rc = uv_getaddrinfo(&l->uv, &r->uv, loop_resolved, host, NULL, &hints);
    if (rc == 0)
        return 0;
    free(r);
    return err_set(err, -rc, "cannot look up %s: %s", host, uv_strerror(rc));
}
