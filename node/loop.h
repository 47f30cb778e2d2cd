/* SPDX-License-Identifier: MPL-2.0 */
#ifndef NODE_LOOP_H
#define NODE_LOOP_H
/*
 * The daemon's main loop, on libuv: descriptors, timers, child processes, signals and names.
 * One thread. Callbacks run in it, never inside the call that armed them. Every object is
 * freed with its own function; after that its callback is not called again.
 */
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct loop;
struct loop_watch;
struct loop_timer;
struct loop_child;

enum { LOOP_READ = 1, LOOP_WRITE = 2 };

struct loop *loop_new(void);
/* What is still armed is closed first. */
void loop_free(struct loop *l);
/* Until loop_stop(). */
void loop_run(struct loop *l);
void loop_stop(struct loop *l);
uint64_t loop_now_ms(const struct loop *l);

/* `fd` stays the caller's, who closes it after loop_watch_free(). */
struct loop_watch *loop_watch_new(struct loop *l, int fd, void (*fn)(void *ctx, int events),
                                  void *ctx);
/* LOOP_READ, LOOP_WRITE, both or 0. */
void loop_watch_set(struct loop_watch *w, int events);
void loop_watch_free(struct loop_watch *w);

struct loop_timer *loop_timer_new(struct loop *l, void (*fn)(void *ctx), void *ctx);
/* Once, after `ms`; replaces what was set. */
void loop_timer_set(struct loop_timer *t, uint64_t ms);
void loop_timer_stop(struct loop_timer *t);
void loop_timer_free(struct loop_timer *t);

struct loop_command {
    const char *const *argv; /* argv[0] is a path; ends with NULL */
    const char *const *env;  /* NULL: ours */
    int fds[4];              /* the child's 0, 1, 2, 3; -1 = /dev/null. Stay the caller's */
    uint32_t n_fds;
    void (*exited)(void *ctx, int64_t status, int signal);
    void *ctx;
};

struct loop_child *loop_child_new(struct loop *l, const struct loop_command *c, struct err *err);
int loop_child_pid(const struct loop_child *c);
/* 0, or -ESRCH once it has exited. */
int loop_child_kill(struct loop_child *c, int signal);
/* Blocks until it has exited, `ms` at most: true then. `exited` is not called within. */
bool loop_child_wait(const struct loop_child *c, uint64_t ms);
/* Does not kill it. */
void loop_child_free(struct loop_child *c);

/* For the life of the loop. */
void loop_signal(struct loop *l, int signal, void (*fn)(void *ctx), void *ctx);

/* Looks `host` up off the loop. `fn` gets each address, then (NULL) once at the end. */
int loop_resolve(struct loop *l, const char *host,
                 void (*fn)(void *ctx, const struct sockaddr *address), void *ctx, struct err *err);
#endif
