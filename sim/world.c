/* SPDX-License-Identifier: MPL-2.0 */
#include "sim/world.h"

#include <errno.h>

#include "base/hash.h"

/*
 * How this works.
 *
 *   SAFETY   faults strike, clients submit        for the time asked for
 *   HEALED   nothing strikes any more             until all is at rest, at most SIM_REST_MAX
 *   QUIET    final checks
 */

enum {
    SIM_REST_LOOK_MS = 500,
    SIM_REST_LEAST_S = 3,
    SIM_REST_MAX_S = 180,
    SIM_REST_OPERATOR_S = 40,
    SIM_LAWS_EVERY_S = 20,
};

#define SIM_WALL_BASE_MS INT64_C(1767225600000) /* 2026-01-01 */

int64_t sim_world_wall_ms(const struct sim_world *w)
{
    return SIM_WALL_BASE_MS + (int64_t)(w->queue.now_ns / SIM_MS);
}

void sim_world_mix(struct sim_world *w, uint64_t a, uint64_t b)
{
    w->digest = (w->digest ^ a) * 0x9e3779b97f4a7c15u + b;
    w->digest ^= w->digest >> 29;
}

/* The last host is the stranger of another cluster, when the seed has one. */
static void sim_world_rogue(struct sim_world *w)
{
    struct sim_host *h = &w->hosts[w->n_hosts - 1];

    if (!w->swarm.rogue)
        return;
    h->rogue = true;
    snprintf(h->cluster, sizeof(h->cluster), "other");
}

struct sim_world *sim_world_new(const struct sim_setup *setup)
{
    struct sim_world *w = own_calloc(1, sizeof(*w));

    w->setup = *setup;
    sim_queue_init(&w->queue, setup->seed ^ 0x7175657565000000u);
    rng_init(&w->faults.rng, setup->seed);
    sim_swarm_draw(&w->swarm, &w->faults.rng, setup->profile->biases, setup->profile->n_biases);
    if (setup->nodes)
        w->swarm.nodes = setup->nodes;
    if (w->swarm.nodes < w->swarm.replicas)
        w->swarm.replicas = w->swarm.nodes;
    w->n_hosts = w->swarm.nodes + w->swarm.rogue;
    sim_trace_init(&w->trace, setup->trace, setup->timeline);
    sim_faults_init(w);
    w->hosts = own_calloc(w->n_hosts, sizeof(*w->hosts));
    for (uint32_t i = 0; i < w->n_hosts; i++)
        sim_host_init(w, &w->hosts[i], i);
    sim_world_rogue(w);
    sim_net_init(w);
    sim_clients_init(w);
    sim_callbacks_init(w);
    sim_history_init(w);
    return w;
}

void sim_world_free(struct sim_world *w)
{
    if (!w)
        return;
    for (uint32_t i = 0; i < w->n_hosts; i++)
        sim_host_done(w, &w->hosts[i]);
    sim_clients_done(w);
    sim_net_done(w);
    sim_history_done(w);
    sim_trace_done(&w->trace);
    sim_queue_done(&w->queue);
    free(w->hosts);
    free(w);
}

static void sim_world_boot(struct sim_world *w)
{
    sim_trace_note(w, NULL, SIM_NOTE_PHASE, "%u hosts start", w->n_hosts);
    for (uint32_t i = 0; i < w->n_hosts; i++)
        sim_host_start_later(w, &w->hosts[i], rng_below(&w->faults.rng, SIM_S));
    sim_intents_start(w);
    sim_callbacks_start(w);
    sim_faults_start(w);
}

void sim_world_until(struct sim_world *w, uint64_t until_ns)
{
    while (!w->violation.found && sim_queue_fire(&w->queue, w, until_ns)) {
        if (w->phase == SIM_PHASE_SAFETY && w->setup.steps_max && w->steps >= w->setup.steps_max)
            return;
    }
}

static void sim_world_safety(struct sim_world *w)
{
    uint64_t end = w->setup.safety_ns;

    for (uint64_t t = SIM_LAWS_EVERY_S * SIM_S; t < end && !w->violation.found;
         t += SIM_LAWS_EVERY_S * SIM_S) {
        sim_world_until(w, t);
        sim_laws_check(w);
    }
    sim_world_until(w, end);
}

static void sim_world_rest(struct sim_world *w)
{
    char why[300];
    uint64_t least = w->queue.now_ns + SIM_REST_LEAST_S * SIM_S;
    uint64_t most = w->queue.now_ns + SIM_REST_MAX_S * SIM_S;
    uint64_t operator_ns = w->queue.now_ns + SIM_REST_OPERATOR_S * SIM_S;

    while (!w->violation.found) {
        sim_world_until(w, w->queue.now_ns + SIM_REST_LOOK_MS * SIM_MS);
        if (w->queue.now_ns >= least && sim_rest_reached(w, why, sizeof(why)))
            return;
        if (w->queue.now_ns >= operator_ns) {
            operator_ns += SIM_REST_OPERATOR_S * SIM_S;
            sim_rest_forget(w);
        }
        if (w->queue.now_ns < most)
            continue;
        sim_violate(w, SIM_I15, "%u s after the last fault: %s", SIM_REST_MAX_S, why);
    }
}

int sim_world_run(struct sim_world *w)
{
    sim_world_boot(w);
    sim_world_safety(w);
    if (!w->violation.found) {
        w->phase = SIM_PHASE_HEALED;
        w->clients.quiet = true;
        sim_faults_heal(w);
        sim_world_rest(w);
    }
    if (!w->violation.found) {
        w->phase = SIM_PHASE_QUIET;
        sim_trace_note(w, NULL, SIM_NOTE_PHASE, "all is at rest");
        sim_laws_check(w);
        sim_rest_check(w);
    }
    if (w->violation.found)
        sim_rest_tell(w);
    for (uint32_t i = 0; i < w->n_hosts; i++)
        sim_world_mix(w, w->hosts[i].mesh ? mesh_digest(w->hosts[i].mesh) : 0,
                      sim_disk_digest(&w->hosts[i].disk));
    sim_world_mix(w, rng_u64(&w->queue.rng), rng_u64(&w->net.rng));
    return w->violation.found ? -EPROTO : 0;
}
