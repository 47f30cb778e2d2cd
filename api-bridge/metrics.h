/* SPDX-License-Identifier: MPL-2.0 */
#ifndef API_METRICS_H
#define API_METRICS_H
/*
 * What the bridge counts, in the text format of Prometheus. Each loop writes a share of its
 * own; a scrape adds them up. Labels are route templates and status codes, never ids or
 * addresses. Counting is lock free; any thread may write the exposition.
 */
#include "api-bridge/route.h"

#include <stdatomic.h>

/* Upper bounds of the request durations, in ms. */
#define API_METRICS_BUCKETS(X)                                                                     \
    X(5) X(10) X(25) X(50) X(100) X(250) X(500) X(1000) X(2000) X(5000) X(10000)

enum {
#define X(ms) API_METRICS_BUCKET_##ms,
    API_METRICS_BUCKETS(X)
#undef X
        API_METRICS_BUCKET_N
};

enum {
#define X(code, text) API_METRICS_CODE_##code,
    API_STATUSES(X)
#undef X
        API_METRICS_CODE_N
};

struct api_metrics_route {
    atomic_uint_fast64_t codes[API_METRICS_CODE_N];
    atomic_uint_fast64_t buckets[API_METRICS_BUCKET_N + 1];
    atomic_uint_fast64_t sum_us;
};

struct api_metrics {
    struct api_metrics_route routes[API_ROUTE_N + 1]; /* the last: no such route */
    atomic_int_fast64_t in_flight;
    atomic_int_fast64_t connections;
    atomic_int_fast64_t streams;
    atomic_int_fast64_t peers_up;
    atomic_bool serves; /* not a metric: see api_server_all_serve() */
    atomic_uint_fast64_t resubmits;
    atomic_uint_fast64_t streams_dropped;
    atomic_uint_fast64_t connections_refused;
};

struct api_metrics_set {
    unsigned n;
    struct api_metrics *shares; /* owned */
    int64_t started_ms;
};

void api_metrics_init(struct api_metrics_set *set, unsigned loops);
void api_metrics_done(struct api_metrics_set *set);

/* One request was answered. `route` NULL: the path was unknown. */
void api_metrics_count(struct api_metrics *m, const struct api_route *route, int status,
                       uint64_t took_us);
void api_metrics_write(const struct api_metrics_set *set, struct buf *out);
#endif
