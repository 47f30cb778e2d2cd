/* SPDX-License-Identifier: MPL-2.0 */
#ifndef API_SERVER_H
#define API_SERVER_H
/*
 * One HTTP loop: a listener of its own (SO_REUSEPORT), its connections, its link to the
 * peers, its share of the metrics. Loops share nothing but what says so; a program runs one
 * per core but one. All calls are made in the loop's own thread, except api_server_stop()
 * and api_server_reload().
 */
#include "api-bridge/conn.h"
#include "api-bridge/gate.h"
#include "base/err.h"
#include "base/rng.h"

#include <stdatomic.h>
#include <uv.h>

struct api_metrics;
struct api_metrics_set;
struct api_accesslog;
struct api_cache;
struct api_callbacks;
struct api_languages;
struct api_limiter;
struct api_streams;
struct api_sessions;
struct api_quota;
struct api_tls;

/* What the loops of a program share; any thread. */
struct api_shared {
    struct api_gates gates; /* never changed */
    struct api_metrics_set *metrics;
    struct api_tls *tls;         /* NULL = plain */
    struct api_limiter *limiter; /* who is never limited */
    struct api_quota *sessions;
    struct api_quota *streams;
    struct api_quota *connections;
    struct api_quota *refusals; /* connections that are too many, and hear it */
};

struct api_server {
    uv_loop_t loop;
    uv_tcp_t listener;
    uv_timer_t tick;
    uv_async_t wake;
    unsigned index;
    const struct api_config *config; /* replaced by a reload, in this thread */
    _Atomic(const struct api_config *) config_next;
    const struct api_shared *shared;
    struct api_link *link;           /* owned */
    struct api_metrics *metrics;     /* this loop's share of the shared ones */
    struct api_accesslog *log;       /* owned; NULL = none */
    struct api_languages *languages; /* owned */
    struct api_callbacks *callbacks; /* owned */
    struct api_streams *streams;     /* owned */
    struct api_cache *cache;         /* owned */
    struct api_sessions *sessions;   /* owned */
    struct api_conn_list lists[API_CONN_CLASS_N];
    unsigned n_connections;
    unsigned n_streams;
    struct rng rng; /* for request ids and jitter, never for secrets */
    char *read_buf;
    struct buf answer;          /* the one that is being written */
    struct api_exchange *spare; /* with their memory, for requests to come; by `state` */
    unsigned n_spare;
    char date[40]; /* of the Date header */
    int64_t date_s;
    atomic_bool stop_asked;
    bool stopping;
    enum api_fault_code unready; /* why the last /readyz was not; NONE when it was */
    uint64_t stop_by_ms;         /* of uv_now() */
};

struct api_server_options {
    unsigned index;
    const struct api_config *config;
    const struct api_shared *shared;
    int log_fd; /* of the access log; -1 = none */
};

/* Listens; the port that was bound is in *ret_port (useful with port 0). */
int api_server_init(struct api_server *s, const struct api_server_options *o, uint16_t *ret_port,
                    struct err *err);
/* Runs until it was stopped and every connection is closed. */
void api_server_run(struct api_server *s);
void api_server_done(struct api_server *s);
/* From any thread or a signal handler: stop taking connections, finish what is under way. */
void api_server_stop(struct api_server *s);
/* From any thread: use these settings from now on. They must outlive the server. */
void api_server_reload(struct api_server *s, const struct api_config *config);

/* Every loop has a peer that answers and knows the languages: whichever gets the next connection
 * can take a job. Of the other loops, as it was at their last tick. */
bool api_server_all_serve(const struct api_server *s);
/* "Sun, 06 Nov 1994 08:49:37 GMT" */
const char *api_server_date(struct api_server *s);
/* A new exchange, and its end: memory of small requests is used again. */
struct api_exchange *api_server_exchange(struct api_server *s);
void api_server_exchange_done(struct api_server *s, struct api_exchange *x);
/* An answer has left: count it and log it. */
void api_server_account(struct api_server *s, const struct api_exchange *x, size_t bytes);
#endif
