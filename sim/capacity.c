/* SPDX-License-Identifier: MPL-2.0 */
#include "sim/capacity.h"

#include "base/clock.h"
#include "sim/world.h"

#include <inttypes.h>
#include <math.h>

/*
 * How this works. The jobs are drawn first: when each arrives, where, and how long it runs. The
 * mesh gets them at those moments; the ideal queue gets the same list. It is one line in front
 * of all slots of the mesh, with no delay of any kind (M/M/c when the list is long).
 */

enum {
    SIM_CAPACITY_SEED = 20260101,
    SIM_CAPACITY_BOOT_S = 20,     /* and more for each further 100 peers: */
    SIM_CAPACITY_BOOT_100_S = 10, /* links are made as they are needed */
    SIM_CAPACITY_LATENCY_US = 300,
    SIM_CAPACITY_SYNC_US = 1000,
    SIM_CAPACITY_READ_US = 50,
    SIM_CAPACITY_RETAIN_S = 5,
    SIM_CAPACITY_MEAN_MS = 1000,
    SIM_CAPACITY_DRAIN_S = 30,
    SIM_CAPACITY_SHOW_MS = 10000,
};

struct sim_arrival {
    uint64_t at_ns;
    uint32_t host;
    uint32_t ms;
};

struct sim_load {
    uint32_t n;
    struct sim_arrival *all;
    double *ideal_ms;
    double *mesh_ms;
    uint32_t skip;     /* the first ones find an empty mesh: not counted */
    uint64_t shown_ms; /* when it was last told how far it has come */
};

/* When the load begins: handshakes are no part of the traffic that is measured. */
static uint64_t sim_capacity_boot_s(const struct sim_options *o)
{
    return SIM_CAPACITY_BOOT_S + (uint64_t)(o->nodes / 100) * SIM_CAPACITY_BOOT_100_S;
}

static double sim_exponential(struct rng *rng, double mean)
{
    double u = ((double)(rng_u64(rng) >> 11) + 1) / 9007199254740993.0;

    return -mean * log(u);
}

static void sim_load_draw(const struct sim_options *o, struct sim_load *l)
{
    double per_s = (double)o->nodes * o->slots * o->load_percent / 100;
    double at = (double)sim_capacity_boot_s(o);
    uint32_t cap = (uint32_t)(per_s * (double)o->seconds * 1.2) + 1000;
    struct rng rng;

    rng_init(&rng, o->one ? o->seed_first : SIM_CAPACITY_SEED);
    l->all = own_calloc(cap, sizeof(*l->all));
    while (l->n < cap) {
        struct sim_arrival *a = &l->all[l->n];

        at += sim_exponential(&rng, 1 / per_s);
        if (at > (double)(sim_capacity_boot_s(o) + o->seconds))
            break;
        a->at_ns = (uint64_t)(at * 1e9);
        a->host = (uint32_t)rng_below(&rng, o->nodes);
        a->ms = (uint32_t)(sim_exponential(&rng, SIM_CAPACITY_MEAN_MS) + 0.5);
        l->n++;
    }
    l->skip = l->n / 10;
    l->ideal_ms = own_calloc(l->n + 1, sizeof(double));
    l->mesh_ms = own_calloc(l->n + 1, sizeof(double));
}

struct sim_server {
    struct heap_node node;
};

static void sim_load_ideal(const struct sim_options *o, struct sim_load *l)
{
    uint32_t n = o->nodes * o->slots;
    struct sim_server *servers = own_calloc(n, sizeof(*servers));
    struct heap idle;

    heap_init(&idle);
    for (uint32_t i = 0; i < n; i++)
        heap_set(&idle, &servers[i].node, 0);
    for (uint32_t i = 0; i < l->n; i++) {
        struct heap_node *first = heap_min(&idle);
        uint64_t start = first->key > l->all[i].at_ns ? first->key : l->all[i].at_ns;

        l->ideal_ms[i] = (double)(start - l->all[i].at_ns) / 1e6;
        heap_set(&idle, first, start + l->all[i].ms * SIM_MS);
    }
    heap_done(&idle);
    free(servers);
}

static struct sim_world *sim_capacity_world(const struct sim_options *o)
{
    struct sim_setup setup = {.profile = sim_profile_find("calm"),
                              .seed = o->one ? o->seed_first : SIM_CAPACITY_SEED,
                              .safety_ns = UINT64_MAX,
                              .nodes = o->nodes};
    struct sim_world *w = sim_world_new(&setup);

    w->history.off = true;
    w->clients.quiet = true;
    w->swarm = (struct sim_swarm){.nodes = o->nodes,
                                  .slots = o->slots,
                                  .replicas = o->nodes < 3 ? o->nodes : 3,
                                  .latency_us = SIM_CAPACITY_LATENCY_US,
                                  .window = 100000,
                                  .sync_us = SIM_CAPACITY_SYNC_US,
                                  .read_us = SIM_CAPACITY_READ_US,
                                  .retain_s = SIM_CAPACITY_RETAIN_S,
                                  .repair_ms = 60000};
    for (uint32_t i = 0; i < w->n_hosts; i++) {
        w->hosts[i].slots.total = o->slots;
        w->hosts[i].rogue = false;
        snprintf(w->hosts[i].cluster, sizeof(w->hosts[i].cluster), "sim");
        if (i < o->nodes)
            sim_host_start_later(w, &w->hosts[i], rng_below(&w->faults.rng, 2 * SIM_S));
    }
    return w;
}

/* With a thousand peers a second of theirs is several of ours: tells how far it has come. */
static void sim_capacity_until(struct sim_world *w, const struct sim_options *o, struct sim_load *l,
                               uint64_t until_ns)
{
    while (w->queue.now_ns < until_ns && !w->violation.found) {
        uint64_t next_ns = (w->queue.now_ns / SIM_S + 1) * SIM_S;
        uint64_t now_ms;

        sim_world_until(w, next_ns < until_ns ? next_ns : until_ns);
        now_ms = clock_mono_ns() / SIM_MS;
        if (now_ms < l->shown_ms + SIM_CAPACITY_SHOW_MS)
            continue;
        l->shown_ms = now_ms;
        fprintf(stderr, "%u peers: %" PRIu64 " of %" PRIu64 " s, %" PRIu64 " frames\n", o->nodes,
                (uint64_t)(w->queue.now_ns / SIM_S), sim_capacity_boot_s(o) + o->seconds,
                w->net.frames);
    }
}

struct sim_traffic {
    uint64_t frames, bytes, steals, commits;
};

static struct sim_traffic sim_capacity_traffic(const struct sim_world *w)
{
    struct sim_traffic t = {0};

    for (uint32_t i = 0; i < w->n_hosts; i++) {
        struct message_stats s = {0};

        if (!w->hosts[i].mesh)
            continue;
        mesh_stats_get(w->hosts[i].mesh, &s);
        t.frames += w->hosts[i].frames_out;
        t.bytes += w->hosts[i].bytes_out;
        t.steals += s.steals_granted;
        t.commits += s.commits;
    }
    return t;
}

static int sim_by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Sorts the part that counts, and prints a line. Returns the mean. */
static double sim_capacity_row(const char *name, double *ms, const struct sim_load *l)
{
    double sum = 0;
    uint32_t n = l->n - l->skip;
    double *from = ms + l->skip;

    qsort(from, n, sizeof(*from), sim_by_size);
    for (uint32_t i = 0; i < n; i++)
        sum += from[i];
    printf("%-22s %10.1f %10.1f %10.1f %10.1f\n", name, sum / n, from[n / 2],
           from[(uint32_t)((uint64_t)n * 99 / 100)], from[n - 1]);
    return sum / n;
}

static uint32_t sim_capacity_waits(const struct sim_world *w, struct sim_load *l)
{
    uint32_t missing = 0;

    for (uint32_t i = 0; i < l->n; i++) {
        uint64_t started = i < w->clients.n_intents ? w->clients.intents[i].started_ns : 0;

        missing += started == 0;
        l->mesh_ms[i] = started ? (double)(started - l->all[i].at_ns) / 1e6 : 0;
    }
    return missing;
}

static int sim_capacity_table(const struct sim_options *o, struct sim_load *l,
                              const struct sim_traffic *t)
{
    double seconds = (double)o->seconds;
    double ideal, mesh;

    printf("%u peers, %u slots each, load %.2f, %u jobs of %.1f s on average in %.0f s\n\n",
           o->nodes, o->slots, (double)o->load_percent / 100, l->n, SIM_CAPACITY_MEAN_MS / 1000.0,
           seconds);
    printf("%-22s %10s %10s %10s %10s\n", "waiting time, ms", "mean", "p50", "p99", "max");
    ideal = sim_capacity_row("ideal central queue", l->ideal_ms, l);
    mesh = sim_capacity_row("this mesh", l->mesh_ms, l);
    printf("%-22s %10.2f\n\n", "ratio of the means", ideal > 0 ? mesh / ideal : 0.0);
    printf("%-34s %10.1f\n", "frames per peer and second", (double)t->frames / o->nodes / seconds);
    printf("%-34s %10.1f\n", "KiB per peer and second",
           (double)t->bytes / o->nodes / seconds / 1024);
    printf("%-34s %10.1f\n", "frames per job, all traffic", (double)t->frames / l->n);
    printf("%-34s %10.2f\n", "jobs moved to another peer, share", (double)t->steals / l->n);
    printf("%-34s %10.1f\n", "commits per peer and second",
           (double)t->commits / o->nodes / seconds);
    if (!o->max_ratio_percent || mesh * 100 <= ideal * o->max_ratio_percent)
        return 0;
    printf("the mean wait is more than %.2f times the ideal\n", o->max_ratio_percent / 100.0);
    return 1;
}

int sim_capacity_run(const struct sim_options *o)
{
    struct sim_load l = {0};
    struct sim_world *w = sim_capacity_world(o);
    struct sim_traffic before, t;
    uint32_t missing;
    int r = 2;

    sim_load_draw(o, &l);
    sim_load_ideal(o, &l);
    l.shown_ms = clock_mono_ns() / SIM_MS;
    sim_capacity_until(w, o, &l, sim_capacity_boot_s(o) * SIM_S);
    before = sim_capacity_traffic(w);
    for (uint32_t i = 0; i < l.n && !w->violation.found; i++) {
        sim_capacity_until(w, o, &l, l.all[i].at_ns);
        (void)sim_intent_new(w, &w->hosts[l.all[i].host], l.all[i].ms);
    }
    sim_capacity_until(w, o, &l, (sim_capacity_boot_s(o) + o->seconds) * SIM_S);
    t = sim_capacity_traffic(w);
    t = (struct sim_traffic){t.frames - before.frames, t.bytes - before.bytes,
                             t.steals - before.steals, t.commits - before.commits};
    missing = sim_capacity_waits(w, &l);
    for (uint32_t i = 0; i < SIM_CAPACITY_DRAIN_S && missing && !w->violation.found; i++) {
        sim_world_until(w, w->queue.now_ns + SIM_S);
        missing = sim_capacity_waits(w, &l);
    }
    if (w->violation.found)
        printf("%s: %s\n", sim_invariant_id(w->violation.which), w->violation.text);
    else if (missing)
        printf("%u of %u jobs did not start\n", missing, l.n);
    else
        r = sim_capacity_table(o, &l, &t);
    free(l.all);
    free(l.ideal_ms);
    free(l.mesh_ms);
    sim_world_free(w);
    return r;
}
