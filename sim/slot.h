/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SIM_SLOT_H
#define SIM_SLOT_H
/*
 * The execution slots of a host, in place of a sandbox. A run takes the time its job's
 * spec asks for, and ends as the spec and the seed say: with a result that names job and run
 * (so that two runs never have the same), broken, hung until killed, reported twice, or with
 * the whole host down.
 */
#include "base/id.h"
#include "sim/queue.h"

struct sim_host;
struct mesh_effect;

/* What a run does; written into the job's input, read back by the slot. */
#define SIM_DEEDS(X)                                                                               \
    X(PLAIN, "plain")                                                                              \
    X(POISON, "poison") /* its host goes down with it, whenever it runs */                         \
    X(HUGE, "huge")

enum sim_deed {
#define X(id, name) SIM_DEED_##id,
    SIM_DEEDS(X)
#undef X
        SIM_DEED_N
};

struct sim_run {
    struct sim_run *next;
    struct sim_event event; /* its next: start, end */
    uint64_t exec;
    struct id jid;
    uint64_t epoch;
    uint32_t attempt;
    uint32_t job;    /* index in the history */
    uint64_t serial; /* of all runs of the world */
    uint64_t run_ns;
    enum sim_deed deed;
    bool foreign; /* in a language that is not here */
    bool started;
    bool killed;
};

struct sim_slots {
    struct sim_run *runs;
    uint32_t used;
    uint32_t total;
};

void sim_slots_exec(struct sim_world *w, struct sim_host *h, const struct mesh_effect *fx);
void sim_slots_kill(struct sim_world *w, struct sim_host *h, uint64_t exec);
/* The host died: every run with it. */
void sim_slots_clear(struct sim_world *w, struct sim_host *h);
#endif
