/* SPDX-License-Identifier: MPL-2.0 */
#include "sim/callback.h"

#include "sim/world.h"

enum {
    SIM_CALLBACK_SEEDS_PPM = 300000, /* seeds that have any */
    SIM_CALLBACK_JOBS_PPM = 400000,  /* jobs of such a seed that name one */
    SIM_CALLBACK_ALIVE_PPM = 600000, /* bridges that live long enough for the next thing */
    SIM_CALLBACK_ASK_MS = 4000,      /* between two questions of what is owed */
    SIM_CALLBACK_CALL_MS = 300,      /* a call */
    SIM_CALLBACK_ANSWER_MS = 5000,
    SIM_CALLBACK_MOST = 16
};

void sim_callbacks_init(struct sim_world *w)
{
    struct sim_callbacks *c = &w->callbacks;

    rng_init(&c->rng, w->setup.seed ^ 0x63616c6c6261636bu);
    c->on = rng_chance(&c->rng, SIM_CALLBACK_SEEDS_PPM);
}

bool sim_callbacks_want(struct sim_world *w)
{
    return w->callbacks.on && !w->history.off &&
           rng_chance(&w->callbacks.rng, SIM_CALLBACK_JOBS_PPM);
}

/* Bridges die only while everything else does. */
static bool sim_bridge_lives(struct sim_world *w)
{
    return w->phase != SIM_PHASE_SAFETY || rng_chance(&w->callbacks.rng, SIM_CALLBACK_ALIVE_PPM);
}

static void sim_callbacks_called_fire(struct sim_world *w, struct sim_event *e)
{
    struct sim_job *job = e->object;
    struct sim_host *h = sim_host_any_up(w, &w->callbacks.rng);
    struct message m = {.type = MESSAGE_TOLD, .job.jid = job->jid};
    char text[ID_TEXT_SIZE];

    job->called++;
    w->callbacks.called++;
    sim_trace_note(w, NULL, SIM_NOTE_JOB, "calls back for job %s", id_format(&job->jid, text));
    if (!job->decided_ns && !job->settled.terminal)
        sim_violate(w, SIM_I4, "job %s is called back for before it is decided",
                    id_format(&job->jid, text));
    if (!h || !sim_bridge_lives(w))
        return;
    snprintf(m.job.tenant, sizeof(m.job.tenant), "*");
    sim_clients_ask(w, h, UINT32_MAX, &m, SIM_CALLBACK_ANSWER_MS * SIM_MS);
}

static void sim_callbacks_call(struct sim_world *w, const struct id *jid)
{
    uint64_t ns = SIM_MS * rng_between(&w->callbacks.rng, 1, 2 * SIM_CALLBACK_CALL_MS);

    if (sim_bridge_lives(w))
        sim_queue_add(&w->queue, ns, sim_callbacks_called_fire)->object = sim_history_job(w, jid);
}

void sim_callbacks_seen(struct sim_world *w, const struct sim_intent *want)
{
    if (want->callback)
        sim_callbacks_call(w, &want->jid);
}

void sim_callbacks_owed(struct sim_world *w, const struct message *jobs)
{
    for (uint32_t i = 0; i < jobs->jobs.n; i++)
        sim_callbacks_call(w, &jobs->jobs.jobs[i].jid);
}

static void sim_callbacks_ask_fire(struct sim_world *w, struct sim_event *e)
{
    struct sim_host *h = sim_host_any_up(w, &w->callbacks.rng);
    struct message m = {.type = MESSAGE_LIST, .list = {.owed = true, .limit = SIM_CALLBACK_MOST}};

    (void)e;
    sim_queue_add(&w->queue, SIM_MS * rng_between(&w->callbacks.rng, 1, 2 * SIM_CALLBACK_ASK_MS),
                  sim_callbacks_ask_fire);
    if (!h)
        return;
    m.list.tenant[0] = '*';
    sim_clients_ask(w, h, UINT32_MAX, &m, SIM_CALLBACK_ANSWER_MS * SIM_MS);
}

void sim_callbacks_start(struct sim_world *w)
{
    if (w->callbacks.on)
        sim_queue_add(&w->queue, SIM_CALLBACK_ASK_MS * SIM_MS, sim_callbacks_ask_fire);
}

bool sim_callbacks_left(const struct sim_world *w, const struct sim_job *job)
{
    return job->intent < w->clients.n_intents && w->clients.intents[job->intent].callback &&
           job->acked_ns && job->decided_ns && !job->deleted_ns && !job->called;
}
