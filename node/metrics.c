/* SPDX-License-Identifier: MPL-2.0 */
#include "config.h"

#include "node/metrics.h"

#include "base/own.h"

#include <dirent.h>
#include <stdio.h>
#include <time.h>

enum { METRICS_BUCKETS_MAX = 16, METRICS_PHASES = 2 };

struct histogram {
    const double *bounds;
    uint32_t n;
    uint64_t counts[METRICS_BUCKETS_MAX]; /* not cumulated */
    uint64_t count;
    double sum;
};

static const double run_bounds[] = {.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60};
static const double setup_bounds[] = {.0005, .001, .0025, .005, .01, .025, .05, .1, .25, 1};
static const double memory_bounds[] = {1048576,   4194304,   16777216,  67108864,
                                       134217728, 268435456, 536870912, 1073741824};
static const char *const steal_labels[METER_STEAL_N] = {
#define X(role, result) "role=\"" #role "\",result=\"" #result "\"",
    METER_STEALS(X)
#undef X
};
static const char *const phases[METRICS_PHASES] = {"compile", "run"};

/* X(verdict, label) */
#define METRICS_RESULTS(X)                                                                         \
    X("accepted", "ok")                                                                            \
    X("wrong_answer", "wrong_answer")                                                              \
    X("compile_error", "compile_error")                                                            \
    X("runtime_error", "runtime_error")                                                            \
    X("time_limit_exceeded", "timeout")                                                            \
    X("memory_limit_exceeded", "oom")                                                              \
    X("output_limit_exceeded", "output_limit")                                                     \
    X("internal_error", "internal_error")                                                          \
    X("cancelled", "cancelled")

struct result_label {
    const char *verdict;
    const char *label;
};
static const struct result_label results[] = {
#define X(v, l) {v, l},
    METRICS_RESULTS(X)
#undef X
};

struct language_figures {
    char *name;
    uint64_t jobs[ARRAY_LEN(results)];
    struct histogram duration[METRICS_PHASES];
    double cpu_seconds;
};

struct metrics {
    uint32_t n;
    struct language_figures *languages;
    struct histogram memory;
    struct histogram setup;
    uint64_t kills[STEP_END_N];
    int64_t started;
};

static void histogram_init(struct histogram *h, const double *bounds, size_t n)
{
    h->bounds = bounds;
    h->n = (uint32_t)n;
}

static void histogram_add(struct histogram *h, double v)
{
    uint32_t i = 0;

    while (i < h->n && v > h->bounds[i])
        i++;
    h->counts[i]++;
    h->count++;
    h->sum += v;
}

struct metrics *metrics_new(const char *const *languages, uint32_t n)
{
    struct metrics *m = own_calloc(1, sizeof(*m));

    m->n = n;
    m->languages = own_calloc(n, sizeof(*m->languages));
    m->started = (int64_t)time(NULL);
    for (uint32_t i = 0; i < n; i++) {
        m->languages[i].name = own_strdup(languages[i]);
        for (uint32_t p = 0; p < METRICS_PHASES; p++)
            histogram_init(&m->languages[i].duration[p], run_bounds, ARRAY_LEN(run_bounds));
    }
    histogram_init(&m->memory, memory_bounds, ARRAY_LEN(memory_bounds));
    histogram_init(&m->setup, setup_bounds, ARRAY_LEN(setup_bounds));
    return m;
}

void metrics_free(struct metrics *m)
{
    if (!m)
        return;
    for (uint32_t i = 0; i < m->n; i++)
        free(m->languages[i].name);
    free(m->languages);
    free(m);
}

static struct language_figures *language(struct metrics *m, const char *name)
{
    for (uint32_t i = 0; i < m->n; i++) {
        if (strcmp(m->languages[i].name, name) == 0)
            return &m->languages[i];
    }
    return NULL;
}

void metrics_step(struct metrics *m, const char *name, const char *phase,
                  const struct step_outcome *o)
{
    struct language_figures *l = language(m, name);

    m->kills[o->end]++;
    if (o->end == STEP_END_BROKEN)
        return;
    histogram_add(&m->memory, (double)o->memory);
    histogram_add(&m->setup, (double)o->setup_us / 1e6);
    if (!l)
        return;
    l->cpu_seconds += (double)o->cpu_us / 1e6;
    histogram_add(&l->duration[strcmp(phase, "compile") != 0], (double)o->wall_us / 1e6);
}

void metrics_job(struct metrics *m, const char *name, const char *verdict)
{
    struct language_figures *l = language(m, name);

    for (size_t i = 0; l && i < ARRAY_LEN(results); i++)
        l->jobs[i] += strcmp(results[i].verdict, verdict) == 0;
}

/* --- text ---------------------------------------------------------------------------------- */

static void head(struct buf *out, const char *name, const char *type, const char *help)
{
    (void)buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void one(struct buf *out, const char *name, const char *type, const char *help, double v)
{
    head(out, name, type, help);
    (void)buf_printf(out, "%s %.15g\n", name, v);
}

static void histogram_write(struct buf *out, const struct histogram *h, const char *name,
                            const char *labels)
{
    const char *comma = labels[0] ? "," : "";
    uint64_t sum = 0;

    for (uint32_t i = 0; i < h->n; i++) {
        sum += h->counts[i];
        (void)buf_printf(out, "%s_bucket{%s%sle=\"%.15g\"} %llu\n", name, labels, comma,
                         h->bounds[i], (unsigned long long)sum);
    }
    (void)buf_printf(out, "%s_bucket{%s%sle=\"+Inf\"} %llu\n", name, labels, comma,
                     (unsigned long long)h->count);
    (void)buf_printf(out, "%s_sum{%s} %.15g\n%s_count{%s} %llu\n", name, labels, h->sum, name,
                     labels, (unsigned long long)h->count);
}

static void meter_write(struct buf *out, const struct meters *m, enum meter_kind kind,
                        const char *name, const char *help)
{
    const struct meter *meter = &m->of[kind];
    double bounds[METER_BUCKETS];
    struct histogram h = {.bounds = bounds, .count = meter->count};
    const uint64_t *upto = meter_bounds(kind, &h.n);

    for (uint32_t i = 0; i < h.n; i++) {
        bounds[i] = (double)upto[i] / 1e6;
        h.counts[i] = meter->counts[i];
    }
    h.sum = (double)meter->sum_us / 1e6;
    head(out, name, "histogram", help);
    histogram_write(out, &h, name, "");
}

static void write_jobs(const struct metrics *m, struct buf *out)
{
    char labels[2 * LIMIT_NAME];

    head(out, "mesh_jobs_total", "counter", "Jobs finished on this node.");
    for (uint32_t i = 0; i < m->n; i++) {
        for (size_t r = 0; r < ARRAY_LEN(results); r++)
            (void)buf_printf(out, "mesh_jobs_total{language=\"%s\",result=\"%s\"} %llu\n",
                             m->languages[i].name, results[r].label,
                             (unsigned long long)m->languages[i].jobs[r]);
    }
    head(out, "mesh_job_duration_seconds", "histogram", "Wall time of each step of a job.");
    for (uint32_t i = 0; i < m->n; i++) {
        for (uint32_t p = 0; p < METRICS_PHASES; p++) {
            (void)snprintf(labels, sizeof(labels), "language=\"%s\",phase=\"%s\"",
                           m->languages[i].name, phases[p]);
            histogram_write(out, &m->languages[i].duration[p], "mesh_job_duration_seconds", labels);
        }
    }
}

static void write_sandbox(const struct metrics *m, const struct metrics_now *now, struct buf *out)
{
    head(out, "mesh_sandbox_cpu_seconds_total", "counter", "CPU time of sandboxed programs.");
    for (uint32_t i = 0; i < m->n; i++)
        (void)buf_printf(out, "mesh_sandbox_cpu_seconds_total{language=\"%s\"} %.15g\n",
                         m->languages[i].name, m->languages[i].cpu_seconds);
    head(out, "mesh_sandbox_memory_peak_bytes", "histogram", "Peak memory of each step.");
    histogram_write(out, &m->memory, "mesh_sandbox_memory_peak_bytes", "");
    head(out, "mesh_sandbox_setup_seconds", "histogram",
         "Time from a request to the program's first instruction.");
    histogram_write(out, &m->setup, "mesh_sandbox_setup_seconds", "");
    head(out, "mesh_sandbox_kills_total", "counter", "Steps by how they ended, but for exits.");
    for (int e = STEP_END_EXITED + 1; e < STEP_END_N; e++)
        (void)buf_printf(out, "mesh_sandbox_kills_total{reason=\"%s\"} %llu\n",
                         step_end_name((enum step_end)e), (unsigned long long)m->kills[e]);
    one(out, "mesh_sandbox_keepers_lost_total", "counter", "Sandbox keepers that had to restart.",
        (double)now->keepers_lost);
}

static void write_queue(const struct metrics_now *now, struct buf *out)
{
    static const char *const percentiles[] = {"50", "90", "99", "100"};
    const struct message_stats *s = &now->mesh;

    head(out, "mesh_queue_jobs", "gauge", "Waiting jobs this node owns, by priority class.");
    for (int i = 0; i < LIMIT_PRIORITIES; i++)
        (void)buf_printf(out, "mesh_queue_jobs{priority=\"%d\"} %llu\n", i,
                         (unsigned long long)s->waiting[i]);
    one(out, "mesh_queue_oldest_job_age_seconds", "gauge", "Age of the oldest waiting job.",
        (double)s->oldest_waiting_ms / 1e3);
    meter_write(out, &now->meters, METER_wait, "mesh_queue_wait_seconds",
                "Time from queued to started, of jobs this node owned.");
    head(out, "mesh_queue_recent_wait_seconds", "gauge",
         "Time from queued to started, percentiles of the last minute.");
    for (size_t i = 0; i < ARRAY_LEN(percentiles); i++)
        (void)buf_printf(out, "mesh_queue_recent_wait_seconds{percentile=\"%s\"} %.15g\n",
                         percentiles[i], (double)s->wait_us[i] / 1e6);
    head(out, "mesh_jobs", "gauge", "Jobs this node owns, by state.");
    for (int i = 0; i < MESSAGE_STATE_N; i++)
        (void)buf_printf(out, "mesh_jobs{state=\"%s\"} %llu\n",
                         message_state_name((enum message_state)i), (unsigned long long)s->jobs[i]);
    one(out, "mesh_jobs_running", "gauge", "Slots in use.", (double)now->slots_busy);
    one(out, "mesh_sessions", "gauge", "Sessions that have a slot.", (double)now->sessions);
    one(out, "mesh_job_slots", "gauge", "Slots that are ready or in use.", (double)now->slots);
}

/* A peer chose its name itself. */
static void labelled(struct buf *out, const char *name, const char *peer, double v)
{
    (void)buf_printf(out, "%s{peer=\"", name);
    for (const char *p = peer; *p; p++) {
        if (*p == '\n')
            (void)buf_puts(out, "\\n");
        else
            (void)buf_printf(out, "%s%c", *p == '"' || *p == '\\' ? "\\" : "", *p);
    }
    (void)buf_printf(out, "\"} %.15g\n", v);
}

static void write_lags(const struct lags *all, struct buf *out)
{
    static const char entries[] = "mesh_replication_lag_entries";
    static const char seconds[] = "mesh_replication_lag_seconds";

    head(out, entries, "gauge", "Copies of jobs a peer has not confirmed in their newest state.");
    for (uint32_t i = 0; i < all->n; i++)
        labelled(out, entries, all->of[i].name, (double)all->of[i].copies);
    head(out, seconds, "gauge", "For how long the oldest of them has not been.");
    for (uint32_t i = 0; i < all->n; i++)
        labelled(out, seconds, all->of[i].name, (double)all->of[i].oldest_us / 1e6);
}

static void write_mesh(const struct metrics_now *now, struct buf *out)
{
    const struct message_stats *s = &now->mesh;

    head(out, "mesh_gossip_members", "gauge", "Nodes this one knows, by whether it hears them.");
    (void)buf_printf(out, "mesh_gossip_members{state=\"alive\"} %u\n",
                     s->nodes_known - s->nodes_missing);
    (void)buf_printf(out, "mesh_gossip_members{state=\"missing\"} %u\n", s->nodes_missing);
    head(out, "mesh_gossip_messages_total", "counter", "Frames between peers.");
    (void)buf_printf(out,
                     "mesh_gossip_messages_total{type=\"all\",direction=\"in\"} %llu\n"
                     "mesh_gossip_messages_total{type=\"all\",direction=\"out\"} %llu\n",
                     (unsigned long long)s->frames_in, (unsigned long long)s->frames_out);
    head(out, "mesh_gossip_bytes_total", "counter", "Bytes between peers.");
    (void)buf_printf(out,
                     "mesh_gossip_bytes_total{direction=\"in\"} %llu\n"
                     "mesh_gossip_bytes_total{direction=\"out\"} %llu\n",
                     (unsigned long long)s->bytes_in, (unsigned long long)s->bytes_out);
    meter_write(out, &now->meters, METER_rtt, "mesh_gossip_rtt_seconds",
                "Time from a ping to its direct answer.");
    head(out, "mesh_steals_total", "counter", "Asking for work, by who and how it ended.");
    for (int i = 0; i < METER_STEAL_N; i++)
        (void)buf_printf(out, "mesh_steals_total{%s} %llu\n", steal_labels[i],
                         (unsigned long long)now->meters.steals[i]);
    one(out, "mesh_steal_jobs_total", "counter", "Jobs of other nodes taken over to run here.",
        (double)now->meters.steal_jobs);
    one(out, "mesh_gossip_suspicions_total", "counter", "Peers suspected.", (double)s->suspicions);
    one(out, "mesh_takeovers_total", "counter", "Jobs taken over from a dead owner.",
        (double)s->takeovers);
    one(out, "mesh_repairs_total", "counter", "Jobs whose lost copy was made again.",
        (double)s->repairs);
    one(out, "mesh_under_replicated_jobs", "gauge", "Jobs with fewer copies than wanted.",
        (double)s->under_replicated);
    write_lags(&now->lags, out);
    head(out, "mesh_owner_jobs_total", "counter", "What became of the jobs this node owned.");
    (void)buf_printf(out,
                     "mesh_owner_jobs_total{event=\"submitted\"} %llu\n"
                     "mesh_owner_jobs_total{event=\"completed\"} %llu\n"
                     "mesh_owner_jobs_total{event=\"failed\"} %llu\n"
                     "mesh_owner_jobs_total{event=\"cancelled\"} %llu\n"
                     "mesh_owner_jobs_total{event=\"retried\"} %llu\n"
                     "mesh_owner_jobs_total{event=\"refused\"} %llu\n",
                     (unsigned long long)s->submitted, (unsigned long long)s->completed,
                     (unsigned long long)s->failed, (unsigned long long)s->cancelled,
                     (unsigned long long)s->retried, (unsigned long long)s->refused);
    one(out, "mesh_client_frames_dropped_total", "counter", "Frames a client could not take.",
        (double)now->frames_dropped);
}

static void write_disk(const struct metrics_now *now, struct buf *out)
{
    one(out, "mesh_db_size_bytes", "gauge", "Bytes of the store in use.", (double)now->disk.used);
    one(out, "mesh_db_size_max_bytes", "gauge", "Bytes the store may fill.", (double)now->disk.max);
    head(out, "mesh_commit_seconds", "summary", "Time of a durable commit.");
    (void)buf_printf(out, "mesh_commit_seconds_sum %.15g\nmesh_commit_seconds_count %llu\n",
                     (double)now->disk.commit_ns / 1e9, (unsigned long long)now->disk.commits);
    one(out, "mesh_commit_batches_total", "counter", "Batches in those commits.",
        (double)now->disk.batches);
}

static void write_process(const struct metrics *m, struct buf *out)
{
    unsigned long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    DIR *fds = opendir("/proc/self/fd");
    struct timespec cpu = {0};
    int n = -3; /* ".", ".." and the directory itself */

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    if (f) {
        if (fscanf(f, "%*s %lu", &pages) != 1)
            pages = 0;
        (void)fclose(f);
    }
    while (fds && readdir(fds))
        n++;
    if (fds)
        (void)closedir(fds);
    one(out, "process_cpu_seconds_total", "counter", "CPU time of the daemon.",
        (double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9);
    one(out, "process_resident_memory_bytes", "gauge", "Resident memory of the daemon.",
        (double)pages * (double)sysconf(_SC_PAGESIZE));
    one(out, "process_open_fds", "gauge", "Open descriptors.", (double)n);
    one(out, "process_start_time_seconds", "gauge", "Start, in Unix time.", (double)m->started);
}

void metrics_write(const struct metrics *m, const struct metrics_now *now, struct buf *out)
{
    head(out, "mesh_build_info", "gauge", "1; the labels tell what runs.");
    (void)buf_printf(out, "mesh_build_info{version=\"%s\",revision=\"%s\",isolation=\"%s\"} 1\n",
                     PACKAGE_VERSION, PACKAGE_REVISION, now->isolation);
    one(out, "mesh_links_secured", "gauge", "1 when links are encrypted and authenticated.",
        now->secured);
    write_queue(now, out);
    write_jobs(m, out);
    write_sandbox(m, now, out);
    write_mesh(now, out);
    write_disk(now, out);
    write_process(m, out);
}
