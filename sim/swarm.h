/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SIM_SWARM_H
#define SIM_SWARM_H
/*
 * What one seed's world is like: drawn once, at its beginning, field by field, so that every
 * seed is a different place (swarm testing: Groce et al. 2012). A profile narrows some ranges.
 */
#include "base/rng.h"

/* X(name, least, most, chance per million to be drawn at all (else 0), what it is) */
#define SIM_SWARM(X)                                                                               \
    X(nodes, 3, 7, 1000000, "peers")                                                               \
    X(slots, 1, 4, 1000000, "execution slots of a peer")                                           \
    X(replicas, 3, 3, 1000000, "copies of a job")                                                  \
    X(latency_us, 100, 5000, 1000000, "mean one-way delay of a frame")                             \
    X(tail_ppm, 0, 20000, 500000, "frames that take a hundred times as long")                      \
    X(hostile, 1, 1, 250000, "frames may be lost, doubled and reordered one by one")               \
    X(loss_ppm, 100, 100000, 600000, "frames lost (hostile)")                                      \
    X(double_ppm, 100, 100000, 600000, "frames doubled (hostile)")                                 \
    X(reorder_ppm, 100, 200000, 600000, "frames delayed past later ones (hostile)")                \
    X(flip_ppm, 10, 5000, 200000, "frames with a flipped bit")                                     \
    X(window, 20, 1000, 1000000, "frames a link holds before it drops")                            \
    X(sync_us, 200, 20000, 1000000, "mean time of a commit")                                       \
    X(read_us, 50, 2000, 1000000, "mean time of a read")                                           \
    X(jobs_per_min, 20, 240, 1000000, "jobs submitted a minute")                                   \
    X(job_ms, 20, 4000, 1000000, "mean time of a job")                                             \
    X(keyed_ppm, 50000, 700000, 700000, "jobs with an idempotency key")                            \
    X(double_submit_ppm, 10000, 300000, 500000, "keyed jobs submitted at two peers at once")       \
    X(cancel_ppm, 10000, 400000, 600000, "jobs that are cancelled")                                \
    X(delay_ppm, 10000, 200000, 400000, "jobs with a delay")                                       \
    X(poison_ppm, 1000, 40000, 400000, "jobs that take their peer down")                           \
    X(broken_ppm, 10000, 200000, 500000, "runs the system breaks")                                 \
    X(hang_ppm, 1000, 50000, 400000, "runs that hang until killed, or 20 s")                       \
    X(twice_ppm, 1000, 100000, 300000, "runs reported twice")                                      \
    X(huge_ppm, 1000, 30000, 300000, "results of 300 KiB")                                         \
    X(watch_ppm, 50000, 500000, 500000, "jobs followed by a watch, not by queries")                \
    X(gone_ppm, 1000, 100000, 500000, "requests whose client breaks its connection")               \
    X(retain_s, 2, 3600, 1000000, "retention of results")                                          \
    X(repair_ms, 3000, 60000, 1000000, "a copy of a dead peer is replaced after so long")          \
    X(drift_ppm, 1, 500, 500000, "drift of the clocks against each other")                         \
    X(rogue, 1, 1, 150000, "a peer of another cluster knocks at this one's door")                  \
    X(old_ppm, 0, 0, 0, "starts of a program that writes the wire version before this one")        \
    X(scrub_ms, 2000, 60000, 500000, "the whole disk is read once in so long (else a day)")        \
    X(java_ppm, 0, 0, 0, "jobs in a language that two of three peers have, as the other is")

struct sim_swarm {
#define X(name, lo, hi, chance, text) uint32_t name;
    SIM_SWARM(X)
#undef X
};

enum sim_swarm_field {
#define X(name, lo, hi, chance, text) SIM_SWARM_##name,
    SIM_SWARM(X)
#undef X
        SIM_SWARM_N
};

/* A profile's own range for a field. */
struct sim_bias {
    enum sim_swarm_field field;
    uint32_t lo, hi, chance_ppm;
};

void sim_swarm_draw(struct sim_swarm *s, struct rng *rng, const struct sim_bias *biases,
                    uint32_t n);
const char *sim_swarm_name(enum sim_swarm_field f);
uint32_t sim_swarm_value(const struct sim_swarm *s, enum sim_swarm_field f);
#endif
