/* SPDX-License-Identifier: MPL-2.0 */
#include "api-bridge/metrics.h"

#include "api-bridge/config.h"
#include "api-bridge/server.h"
#include "base/clock.h"
#include "base/own.h"

#include <config.h>
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/resource.h>

static const struct {
    uint64_t us;
    const char *le;
} bounds[] = {
#define X(ms) {(ms)*1000ULL, #ms},
    API_METRICS_BUCKETS(X)
#undef X
};

static const int codes[] = {
#define X(code, text) code,
    API_STATUSES(X)
#undef X
};

/* Codes every route shows from the start, so that a rate sees their first event. */
static const int codes_shown[] = {200, 400, 404, 429, 500, 503};

void api_metrics_init(struct api_metrics_set *set, unsigned loops)
{
    set->n = loops;
    set->started_ms = clock_wall_ms();
    set->shares = own_calloc(loops, sizeof(*set->shares));
}

void api_metrics_done(struct api_metrics_set *set)
{
    free(set->shares);
    set->shares = NULL;
    set->n = 0;
}

static void add(atomic_uint_fast64_t *counter, uint64_t n)
{
    (void)atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

void api_metrics_count(struct api_metrics *m, const struct api_route *route, int status,
                       uint64_t took_us)
{
    struct api_metrics_route *r = &m->routes[route ? route->id : API_ROUTE_N];
    size_t code = 0, bucket = 0;

    while (code < ARRAY_LEN(codes) - 1 && codes[code] != status)
        code++;
    while (bucket < ARRAY_LEN(bounds) && took_us > bounds[bucket].us)
        bucket++;
    add(&r->codes[code], 1);
    add(&r->buckets[bucket], 1);
    add(&r->sum_us, took_us);
}

static bool is_shown(int code)
{
    for (size_t i = 0; i < ARRAY_LEN(codes_shown); i++) {
        if (codes_shown[i] == code)
            return true;
    }
    return false;
}

/* The sum over all loops of the counter that lies `offset` bytes into a share. */
static uint64_t sum_at(const struct api_metrics_set *set, size_t offset)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < set->n; i++) {
        const char *share = (const char *)&set->shares[i];

        sum += atomic_load_explicit((const atomic_uint_fast64_t *)(const void *)(share + offset),
                                    memory_order_relaxed);
    }
    return sum;
}

#define SUM(set, member) sum_at(set, offsetof(struct api_metrics, member))

static void put_family(struct buf *out, const char *name, const char *type, const char *help)
{
    (void)buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static const char *route_name(size_t i)
{
    return i < API_ROUTE_N ? api_routes[i].template : "other";
}

static const char *route_method(size_t i)
{
    return i < API_ROUTE_N ? api_method_name(api_routes[i].method) : "any";
}

static void put_requests(const struct api_metrics_set *set, struct buf *out)
{
    put_family(out, "mesh_http_requests_total", "counter", "Requests answered.");
    for (size_t i = 0; i <= API_ROUTE_N; i++) {
        for (size_t k = 0; k < ARRAY_LEN(codes); k++) {
            uint64_t n = SUM(set, routes[i].codes[k]);

            if (n == 0 && !is_shown(codes[k]))
                continue;
            (void)buf_printf(
                out,
                "mesh_http_requests_total{method=\"%s\",route=\"%s\",code=\"%d\"} %" PRIu64 "\n",
                route_method(i), route_name(i), codes[k], n);
        }
    }
}

static void put_durations(const struct api_metrics_set *set, struct buf *out)
{
    static const char name[] = "mesh_http_request_duration_seconds";

    put_family(out, name, "histogram", "Time from a request's first byte to its answer.");
    for (size_t i = 0; i <= API_ROUTE_N; i++) {
        uint64_t n = 0;

        for (size_t k = 0; k < ARRAY_LEN(bounds); k++) {
            n += SUM(set, routes[i].buckets[k]);
            (void)buf_printf(out, "%s_bucket{method=\"%s\",route=\"%s\",le=\"%g\"} %" PRIu64 "\n",
                             name, route_method(i), route_name(i), (double)bounds[k].us / 1e6, n);
        }
        n += SUM(set, routes[i].buckets[API_METRICS_BUCKET_N]);
        (void)buf_printf(out, "%s_bucket{method=\"%s\",route=\"%s\",le=\"+Inf\"} %" PRIu64 "\n",
                         name, route_method(i), route_name(i), n);
        (void)buf_printf(out, "%s_sum{method=\"%s\",route=\"%s\"} %.6f\n", name, route_method(i),
                         route_name(i), (double)SUM(set, routes[i].sum_us) / 1e6);
        (void)buf_printf(out, "%s_count{method=\"%s\",route=\"%s\"} %" PRIu64 "\n", name,
                         route_method(i), route_name(i), n);
    }
}

static void put_one(struct buf *out, const char *name, const char *type, const char *help,
                    uint64_t n)
{
    put_family(out, name, type, help);
    (void)buf_printf(out, "%s %" PRIu64 "\n", name, n);
}

/* Pages of this process that are in memory; 0 when the kernel does not tell. */
static uint64_t resident_pages(void)
{
    auto_fd int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    char text[128] = "", *end;
    ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;

    if (n <= 0)
        return 0;
    (void)strtoull(text, &end, 10); /* the size of the address space */
    return strtoull(end, NULL, 10);
}

/* Descriptors of this process; 0 when the kernel does not tell. */
static uint64_t open_descriptors(void)
{
    DIR *fds = opendir("/proc/self/fd");
    uint64_t n = 0;

    if (!fds)
        return 0;
    while (readdir(fds))
        n++;
    (void)closedir(fds);
    return n > 3 ? n - 3 : 0; /* ".", ".." and the directory itself */
}

static void put_process(const struct api_metrics_set *set, struct buf *out)
{
    struct rusage ru;

    if (getrusage(RUSAGE_SELF, &ru) < 0)
        return;
    put_family(out, "process_cpu_seconds_total", "counter", "User and system CPU time.");
    (void)buf_printf(out, "process_cpu_seconds_total %.6f\n",
                     (double)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) +
                         (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6);
    put_one(out, "process_resident_memory_bytes", "gauge", "Memory in use.",
            resident_pages() * (uint64_t)sysconf(_SC_PAGESIZE));
    put_one(out, "process_open_fds", "gauge", "Open descriptors.", open_descriptors());
    put_family(out, "process_start_time_seconds", "gauge", "When it started, in Unix time.");
    (void)buf_printf(out, "process_start_time_seconds %.3f\n", (double)set->started_ms / 1e3);
}

void api_metrics_write(const struct api_metrics_set *set, struct buf *out)
{
    put_requests(set, out);
    put_durations(set, out);
    put_one(out, "mesh_http_requests_in_flight", "gauge", "Requests being answered.",
            SUM(set, in_flight));
    put_one(out, "mesh_http_connections", "gauge", "Open client connections.",
            SUM(set, connections));
    put_one(out, "mesh_http_streams", "gauge", "Open event streams.", SUM(set, streams));
    put_one(out, "mesh_http_streams_dropped_total", "counter",
            "Streams closed because the client read too slowly.", SUM(set, streams_dropped));
    put_one(out, "mesh_http_connections_refused_total", "counter",
            "Connections of an address that had too many.", SUM(set, connections_refused));
    put_one(out, "mesh_bridge_links_up", "gauge", "Links to peers that answer, over all loops.",
            SUM(set, peers_up));
    put_one(out, "mesh_bridge_resubmits_total", "counter", "Requests sent again to another peer.",
            SUM(set, resubmits));
    put_family(out, "mesh_build_info", "gauge", "What is running.");
    (void)buf_printf(out,
                     "mesh_build_info{version=\"%s\",revision=\"%s\",program=\"arena-bridge\"} 1\n",
                     PACKAGE_VERSION, PACKAGE_REVISION);
    put_process(set, out);
}

void api_metrics_handle(struct api_exchange *x)
{
    if (!x->server->config->metrics) {
        api_answer_code(x, API_FAULT_NOT_FOUND);
        return;
    }
    api_metrics_write(x->server->shared->metrics, &x->body);
    api_answer(x, 200, "text/plain; version=0.0.4; charset=utf-8");
}
