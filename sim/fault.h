/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SIM_FAULT_H
#define SIM_FAULT_H
/*
 * What goes wrong, and when: each kind of fault that the profile and the seed switch on comes
 * again and again at random, until the world is healed. Each undoes itself in time.
 */
#include "base/rng.h"
#include "sim/queue.h"

struct sim_host;
struct sim_run;

/* X(id, name, what it does) */
#define SIM_FAULTS(X)                                                                              \
    X(CRASH, "crash", "a process dies and starts again")                                           \
    X(BOUNDARY, "boundary", "a process dies between two effects of one kind")                      \
    X(STORM, "storm", "a process dies again each time it has started")                             \
    X(BLACKOUT, "blackout", "every process dies")                                                  \
    X(PAUSE, "pause", "a process stands still (SIGSTOP)")                                          \
    X(SLOW, "slow", "a machine takes long for every step")                                         \
    X(STALL, "stall", "a disk does not finish a commit")                                           \
    X(FULL, "full", "a disk is nearly full, or full")                                              \
    X(WIPE, "wipe", "a disk is lost; its machine comes back with an empty one")                    \
    X(ROLLBACK, "rollback", "a disk comes back from an older snapshot")                            \
    X(ROT, "rot", "stored records of a restarting process have flipped bits")                      \
    X(CLOCK, "clock", "a wall clock jumps by up to an hour")                                       \
    X(RESET, "reset", "connections between two hosts break")                                       \
    X(PARTITION, "partition", "the hosts are split in two groups")                                 \
    X(ONEWAY, "oneway", "one host is heard by none, or hears none")                                \
    X(PARTIAL, "partial", "some pairs of hosts do not reach each other")                           \
    X(CLOG, "clog", "a path holds frames back for a while")                                        \
    X(DRAIN, "drain", "a peer is asked to leave, and comes back")

enum sim_fault {
#define X(id, name, text) SIM_FAULT_##id,
    SIM_FAULTS(X)
#undef X
        SIM_FAULT_N
};

struct sim_faults {
    struct rng rng;
    uint64_t mean_ns[SIM_FAULT_N]; /* 0 = not in this seed */
    uint64_t done[SIM_FAULT_N];
    uint32_t rot_ppm; /* of the records of the process that starts next */
};

const char *sim_fault_name(enum sim_fault f);
const char *sim_fault_text(enum sim_fault f);
/* Draws which of the profile's faults this seed has. */
void sim_faults_init(struct sim_world *w);
void sim_faults_start(struct sim_world *w);
/* Undoes everything and restarts everyone. No fault comes after. */
void sim_faults_heal(struct sim_world *w);

/* --- what hosts report ---------------------------------------------------------------------- */
/* It has just started: it is told its seeds and languages. */
void sim_faults_greet(struct sim_world *w, struct sim_host *h);
/* True when the value just read from its disk turns out to be rotten. */
bool sim_faults_rots(struct sim_world *w, struct sim_host *h);
void sim_faults_drained(struct sim_world *w, struct sim_host *h);
void sim_faults_fatal(struct sim_world *w, struct sim_host *h, const char *why);
/* It is to die here, before its next effect. */
void sim_faults_effect_crash(struct sim_world *w, struct sim_host *h);
/* A poison job started on it. */
void sim_faults_poison(struct sim_world *w, struct sim_host *h, const struct sim_run *run);

/* --- the budget ------------------------------------------------------------------------------ */
/* True when losing `h`'s disk leaves every job with as many copies lost as it may lose. */
bool sim_budget_allows_disk(struct sim_world *w, const struct sim_host *h);
/* The same for one job's record on it. */
struct sim_job;
bool sim_budget_allows_record(struct sim_world *w, const struct sim_host *h, struct sim_job *job);
#endif
