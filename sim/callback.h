/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SIM_CALLBACK_H
#define SIM_CALLBACK_H
/*
 * Bridges that call back. In a part of the seeds some jobs name a callback. The bridge whose client
 * sees the job end calls, or is dead by then; all the time some bridge asks a peer what is owed,
 * calls, and says TOLD, or dies before it called, or before it said so. At rest every callback of a
 * job that was acknowledged has been called, as long as its job was kept.
 */
#include "base/rng.h"
#include "mesh/message.h"

struct sim_world;
struct sim_intent;
struct sim_job;

struct sim_callbacks {
    struct rng rng; /* of its own: worlds without callbacks are what they would be anyway */
    bool on;
    uint64_t called;
};

void sim_callbacks_init(struct sim_world *w);
void sim_callbacks_start(struct sim_world *w);
/* Whether a new job names one. */
bool sim_callbacks_want(struct sim_world *w);
/* The client of the job has seen its end; its bridge may call. */
void sim_callbacks_seen(struct sim_world *w, const struct sim_intent *want);
/* A peer hands out what is owed. */
void sim_callbacks_owed(struct sim_world *w, const struct message *jobs);
/* Whether `job` still has to be called. */
bool sim_callbacks_left(const struct sim_world *w, const struct sim_job *job);
#endif
