/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H
/*
 * One simulated mesh: hosts, the network between them, their clients, the faults, and what is
 * known of every job, in one process and in virtual time. All of it follows from one seed.
 *
 *     client -- frame --> host (mesh_step) -- effects --> disk, network, slots, client
 *        ^                  ^    |
 *        |   fault ---------+    +--> watch (what was written, sent, run, said) --> invariants
 *
 * One thread. A world owns everything below it; sim_world_free() gives it all back.
 */
#include "sim/callback.h"
#include "sim/client.h"
#include "sim/fault.h"
#include "sim/history.h"
#include "sim/host.h"
#include "sim/invariant.h"
#include "sim/link.h"
#include "sim/profile.h"
#include "sim/queue.h"
#include "sim/trace.h"

enum sim_phase {
    SIM_PHASE_SAFETY, /* faults */
    SIM_PHASE_HEALED, /* none any more: everything must come to rest */
    SIM_PHASE_QUIET,  /* it has: final checks */
};

struct sim_setup {
    const struct sim_profile *profile;
    uint64_t seed;
    uint64_t safety_ns;
    uint64_t steps_max; /* of the safety phase; 0 = no bound but time */
    uint32_t nodes;     /* 0 = drawn from the seed */
    FILE *trace;        /* NULL = none */
    bool timeline;      /* keep what a report needs */
};

struct sim_world {
    struct sim_setup setup;
    struct sim_swarm swarm;
    struct sim_queue queue;
    enum sim_phase phase;
    uint64_t steps; /* calls of mesh_step() */
    uint64_t digest;
    uint32_t n_hosts;
    struct sim_host *hosts;
    struct sim_net net;
    struct sim_clients clients;
    struct sim_callbacks callbacks;
    struct sim_faults faults;
    struct sim_history history;
    struct sim_trace trace;
    struct sim_violation violation;
};

struct sim_world *sim_world_new(const struct sim_setup *setup);
void sim_world_free(struct sim_world *w);
/* Runs it from beginning to end. 0, or -EPROTO when an invariant does not hold (w->violation). */
int sim_world_run(struct sim_world *w);
/* Runs until then, a violation, or the bound on steps. */
void sim_world_until(struct sim_world *w, uint64_t until_ns);
/* Unix time of the simulated world in ms. */
int64_t sim_world_wall_ms(const struct sim_world *w);
/* Mixes something that happened into the digest. */
void sim_world_mix(struct sim_world *w, uint64_t a, uint64_t b);
#endif
