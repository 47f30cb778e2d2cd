/* SPDX-License-Identifier: MPL-2.0 */
#include "sim/profile.h"

#include <stddef.h>
#include <string.h>

/* How often each fault comes when a seed has it, in ms between two. */
static const struct sim_profile sim_profiles[] = {
    {
        .name = "swarm",
        .text = "everything at once: each fault is on in half of the seeds",
        .chance_ppm = 500000,
        .mean_ms =
            {
                [SIM_FAULT_CRASH] = 8000,
                [SIM_FAULT_BOUNDARY] = 6000,
                [SIM_FAULT_STORM] = 30000,
                [SIM_FAULT_BLACKOUT] = 60000,
                [SIM_FAULT_PAUSE] = 10000,
                [SIM_FAULT_SLOW] = 20000,
                [SIM_FAULT_STALL] = 15000,
                [SIM_FAULT_FULL] = 20000,
                [SIM_FAULT_WIPE] = 25000,
                [SIM_FAULT_ROLLBACK] = 30000,
                [SIM_FAULT_ROT] = 30000,
                [SIM_FAULT_CLOCK] = 20000,
                [SIM_FAULT_RESET] = 4000,
                [SIM_FAULT_PARTITION] = 12000,
                [SIM_FAULT_ONEWAY] = 15000,
                [SIM_FAULT_PARTIAL] = 15000,
                [SIM_FAULT_CLOG] = 5000,
                [SIM_FAULT_DRAIN] = 25000,
            },
    },
    {
        .name = "reconfig",
        .text = "replica sets change under crashes, partitions and lost disks; repair comes soon",
        .chance_ppm = 850000,
        .mean_ms =
            {
                [SIM_FAULT_CRASH] = 5000,
                [SIM_FAULT_BOUNDARY] = 4000,
                [SIM_FAULT_WIPE] = 9000,
                [SIM_FAULT_PARTITION] = 6000,
                [SIM_FAULT_PARTIAL] = 6000,
                [SIM_FAULT_ONEWAY] = 9000,
                [SIM_FAULT_RESET] = 3000,
                [SIM_FAULT_DRAIN] = 12000,
                [SIM_FAULT_PAUSE] = 6000,
            },
        .biases = {{SIM_SWARM_nodes, 5, 7, 1000000},
                   {SIM_SWARM_jobs_per_min, 20, 60, 1000000},
                   {SIM_SWARM_job_ms, 4000, 30000, 1000000},
                   {SIM_SWARM_repair_ms, 1000, 4000, 1000000},
                   {SIM_SWARM_rogue, 1, 1, 0}},
        .n_biases = 5,
    },
    {
        .name = "partition",
        .text = "the network splits and heals in every way",
        .chance_ppm = 800000,
        .mean_ms = {[SIM_FAULT_PARTITION] = 6000,
                    [SIM_FAULT_ONEWAY] = 8000,
                    [SIM_FAULT_PARTIAL] = 8000,
                    [SIM_FAULT_CLOG] = 2500,
                    [SIM_FAULT_RESET] = 2000,
                    [SIM_FAULT_CRASH] = 20000},
        .biases = {{SIM_SWARM_cancel_ppm, 100000, 500000, 1000000}},
        .n_biases = 1,
    },
    {
        .name = "disk",
        .text = "disks lose what was not synced, stall, fill up, rot, go back in time, vanish",
        .chance_ppm = 800000,
        .mean_ms = {[SIM_FAULT_CRASH] = 6000,
                    [SIM_FAULT_BOUNDARY] = 3000,
                    [SIM_FAULT_BLACKOUT] = 15000,
                    [SIM_FAULT_STALL] = 6000,
                    [SIM_FAULT_FULL] = 10000,
                    [SIM_FAULT_WIPE] = 12000,
                    [SIM_FAULT_ROLLBACK] = 12000,
                    [SIM_FAULT_ROT] = 9000},
        .biases = {{SIM_SWARM_retain_s, 2, 20, 1000000}, {SIM_SWARM_sync_us, 1000, 60000, 1000000}},
        .n_biases = 2,
    },
    {
        .name = "steal",
        .text = "many short jobs on few slots; runs break, hang and come twice",
        .chance_ppm = 700000,
        .mean_ms = {[SIM_FAULT_CRASH] = 9000,
                    [SIM_FAULT_PAUSE] = 5000,
                    [SIM_FAULT_SLOW] = 9000,
                    [SIM_FAULT_RESET] = 5000,
                    [SIM_FAULT_CLOG] = 4000,
                    [SIM_FAULT_DRAIN] = 15000},
        .biases = {{SIM_SWARM_jobs_per_min, 200, 900, 1000000},
                   {SIM_SWARM_job_ms, 20, 600, 1000000},
                   {SIM_SWARM_slots, 1, 2, 1000000},
                   {SIM_SWARM_broken_ppm, 50000, 300000, 1000000},
                   {SIM_SWARM_hang_ppm, 5000, 30000, 1000000},
                   {SIM_SWARM_twice_ppm, 10000, 200000, 1000000}},
        .n_biases = 6,
    },
    {
        .name = "upgrade",
        .text = "peers leave and come back under load, with this wire version or the one before",
        .chance_ppm = 900000,
        .mean_ms = {[SIM_FAULT_DRAIN] = 4000, [SIM_FAULT_RESET] = 8000, [SIM_FAULT_CRASH] = 40000},
        .biases = {{SIM_SWARM_jobs_per_min, 60, 300, 1000000},
                   {SIM_SWARM_old_ppm, 100000, 900000, 1000000}},
        .n_biases = 2,
    },
    {
        .name = "purge",
        .text = "results are kept for seconds only, while peers come and go",
        .chance_ppm = 800000,
        .mean_ms = {[SIM_FAULT_CRASH] = 5000,
                    [SIM_FAULT_BOUNDARY] = 4000,
                    [SIM_FAULT_PARTITION] = 8000,
                    [SIM_FAULT_ONEWAY] = 8000,
                    [SIM_FAULT_PAUSE] = 6000,
                    [SIM_FAULT_RESET] = 3000},
        .biases = {{SIM_SWARM_retain_s, 1, 4, 1000000},
                   {SIM_SWARM_job_ms, 20, 500, 1000000},
                   {SIM_SWARM_keyed_ppm, 300000, 700000, 1000000}},
        .n_biases = 3,
    },
    {
        .name = "leave",
        .text = "peers leave and come back, and nothing else happens",
        .chance_ppm = 1000000,
        .mean_ms = {[SIM_FAULT_DRAIN] = 3000},
        .biases = {{SIM_SWARM_hostile, 0, 0, 0},
                   {SIM_SWARM_flip_ppm, 0, 0, 0},
                   {SIM_SWARM_tail_ppm, 0, 0, 0},
                   {SIM_SWARM_poison_ppm, 0, 0, 0},
                   {SIM_SWARM_broken_ppm, 0, 0, 0},
                   {SIM_SWARM_hang_ppm, 0, 0, 0},
                   {SIM_SWARM_twice_ppm, 0, 0, 0},
                   {SIM_SWARM_rogue, 1, 1, 0},
                   {SIM_SWARM_window, 1000, 1000, 1000000},
                   {SIM_SWARM_nodes, 4, 7, 1000000},
                   {SIM_SWARM_jobs_per_min, 60, 300, 1000000}},
        .n_biases = 11,
        .gentle = true,
    },
    {
        .name = "languages",
        .text = "not every peer can run every job, and peers come and go",
        .chance_ppm = 800000,
        .mean_ms = {[SIM_FAULT_CRASH] = 8000,
                    [SIM_FAULT_PAUSE] = 8000,
                    [SIM_FAULT_SLOW] = 15000,
                    [SIM_FAULT_RESET] = 5000,
                    [SIM_FAULT_CLOG] = 6000,
                    [SIM_FAULT_DRAIN] = 8000},
        .biases = {{SIM_SWARM_java_ppm, 100000, 900000, 1000000},
                   {SIM_SWARM_jobs_per_min, 60, 300, 1000000},
                   {SIM_SWARM_job_ms, 20, 1000, 1000000}},
        .n_biases = 3,
    },
    {
        .name = "calm",
        .text = "no faults at all",
        .chance_ppm = 0,
        .biases = {{SIM_SWARM_hostile, 0, 0, 0},
                   {SIM_SWARM_flip_ppm, 0, 0, 0},
                   {SIM_SWARM_poison_ppm, 0, 0, 0},
                   {SIM_SWARM_tail_ppm, 0, 0, 0},
                   {SIM_SWARM_window, 1000, 1000, 1000000}},
        .n_biases = 5,
    },
};

const struct sim_profile *sim_profile_at(uint32_t i)
{
    return i < sizeof(sim_profiles) / sizeof(sim_profiles[0]) ? &sim_profiles[i] : NULL;
}

const struct sim_profile *sim_profile_find(const char *name)
{
    for (uint32_t i = 0; sim_profile_at(i); i++) {
        if (strcmp(sim_profiles[i].name, name) == 0)
            return &sim_profiles[i];
    }
    return NULL;
}
