/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SIM_INTENT_H
#define SIM_INTENT_H
/*
 * What the clients want: each submits a job, tries again elsewhere when a peer refuses or is
 * silent (with the idempotency key, or without one: then it is another job), follows it until
 * it sees it end, and may cancel it.
 *
 *     SUBMITTING --ACCEPTED--> FOLLOWING --seen to end--> DONE
 *         +--refused or silent: again, so often--> GIVEN_UP
 */
#include "base/id.h"
#include "sim/queue.h"
#include "sim/slot.h"

struct message;
struct sim_ask;
struct sim_host;

enum sim_intent_phase {
    SIM_INTENT_SUBMITTING,
    SIM_INTENT_FOLLOWING,
    SIM_INTENT_DONE,
    SIM_INTENT_GIVEN_UP,
};

struct sim_intent {
    enum sim_intent_phase phase;
    enum sim_deed deed;
    uint32_t ms;
    bool keyed;
    bool cancel;
    bool watch;
    bool callback;
    bool accepted;
    uint32_t attempts_max;
    uint32_t tries;
    struct id jid; /* the one that was accepted */
    struct sim_blob *spec;
    uint64_t made_ns;
    uint64_t started_ns; /* first run; 0 = none yet */
};

/* Begins to make them, at the swarm's rate. */
void sim_intents_start(struct sim_world *w);
/* One more, now, at `h` (NULL = any). Returns its number. */
uint32_t sim_intent_new(struct sim_world *w, struct sim_host *h, uint32_t ms);
/* The answer to something it asked. */
void sim_intent_answer(struct sim_world *w, const struct sim_ask *ask, const struct message *m);
/* There was none in time. */
void sim_intent_silence(struct sim_world *w, const struct sim_ask *ask);
/* True when everyone that was told its job is kept saw it end. */
bool sim_intents_content(const struct sim_world *w);
#endif
