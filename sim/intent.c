/* SPDX-License-Identifier: MPL-2.0 */
#include "sim/intent.h"

#include "base/hash.h"
#include "mesh/message.h"
#include "mesh/spec.h"
#include "sim/language.h"
#include "sim/world.h"

enum {
    SIM_INTENT_TRIES = 8,
    SIM_INTENT_SUBMIT_S = 5, /* the mesh answers within 2 s, or says that it does not know */
    SIM_INTENT_WAIT_MS = 5000,
    SIM_INTENT_PAUSE_MS = 500,
};

static void sim_intent_submit(struct sim_world *w, uint32_t index, struct sim_host *h);

static void sim_intent_submit_fire(struct sim_world *w, struct sim_event *e)
{
    if (w->clients.intents[e->a].phase == SIM_INTENT_SUBMITTING)
        sim_intent_submit(w, (uint32_t)e->a, sim_host_any_up(w, &w->clients.rng));
}

static void sim_intent_later(struct sim_world *w, uint32_t index, uint64_t ms, sim_fire *fire)
{
    uint64_t ns = SIM_MS * rng_between(&w->clients.rng, ms / 2, ms + ms / 2);

    sim_queue_add(&w->queue, ns, fire)->a = index;
}

static void sim_intent_retry(struct sim_world *w, uint32_t index)
{
    struct sim_intent *want = &w->clients.intents[index];

    if (want->phase != SIM_INTENT_SUBMITTING)
        return;
    if (++want->tries >= SIM_INTENT_TRIES) {
        want->phase = SIM_INTENT_GIVEN_UP;
        w->clients.given_up++;
        return;
    }
    sim_intent_later(w, index, SIM_INTENT_PAUSE_MS * want->tries, sim_intent_submit_fire);
}

static void sim_intent_submit(struct sim_world *w, uint32_t index, struct sim_host *h)
{
    struct message m = {.type = MESSAGE_SUBMIT};

    if (!h) {
        sim_intent_retry(w, index);
        return;
    }
    m.submit.spec = sim_blob_span(w->clients.intents[index].spec);
    sim_clients_ask(w, h, index, &m, SIM_INTENT_SUBMIT_S * SIM_S);
}

static void sim_intent_follow_fire(struct sim_world *w, struct sim_event *e)
{
    struct sim_intent *want = &w->clients.intents[e->a];
    struct sim_host *h = sim_host_any_up(w, &w->clients.rng);
    struct message m = {.type = want->watch ? MESSAGE_WATCH : MESSAGE_QUERY};

    if (want->phase != SIM_INTENT_FOLLOWING)
        return;
    if (!h) {
        sim_intent_later(w, (uint32_t)e->a, SIM_INTENT_PAUSE_MS, sim_intent_follow_fire);
        return;
    }
    if (w->phase != SIM_PHASE_SAFETY)
        m.type = MESSAGE_QUERY;
    m.job.jid = want->jid;
    snprintf(m.job.tenant, sizeof(m.job.tenant), "*");
    if (m.type == MESSAGE_QUERY && rng_chance(&w->clients.rng, 500000))
        m.job.wait_ms = SIM_INTENT_WAIT_MS;
    sim_clients_ask(w, h, (uint32_t)e->a, &m, (SIM_INTENT_WAIT_MS + 3000) * SIM_MS);
}

static void sim_intent_cancel_fire(struct sim_world *w, struct sim_event *e)
{
    struct sim_intent *want = &w->clients.intents[e->a];
    struct sim_host *h = sim_host_any_up(w, &w->clients.rng);
    struct message m = {.type = MESSAGE_CANCEL};

    if (want->phase != SIM_INTENT_FOLLOWING || !h)
        return;
    m.job.jid = want->jid;
    snprintf(m.job.tenant, sizeof(m.job.tenant), "*");
    sim_clients_ask(w, h, (uint32_t)e->a, &m, SIM_INTENT_SUBMIT_S * SIM_S);
}

static void sim_intent_accepted(struct sim_world *w, uint32_t index, const struct message *m)
{
    struct sim_intent *want = &w->clients.intents[index];

    if (want->keyed && want->accepted && !id_eq(&want->jid, &m->accepted.jid))
        sim_violate(w, SIM_I17, "one key, two jobs: intent %u", index);
    if (want->accepted)
        return;
    want->accepted = true;
    want->jid = m->accepted.jid;
    if (w->history.off) { /* capacity: nobody waits for the end */
        want->phase = SIM_INTENT_DONE;
        return;
    }
    want->phase = SIM_INTENT_FOLLOWING;
    sim_intent_later(w, index, want->ms, sim_intent_follow_fire);
    if (want->cancel)
        sim_intent_later(w, index, want->ms, sim_intent_cancel_fire);
}

/* A job that is unknown may be so for good only once it was decided and purged. */
static void sim_intent_unknown(struct sim_world *w, uint32_t index)
{
    struct sim_intent *want = &w->clients.intents[index];
    const struct sim_job *job = sim_history_find(w, &want->jid);

    if (job && job->deleted_ns)
        want->phase = SIM_INTENT_DONE;
}

void sim_intent_answer(struct sim_world *w, const struct sim_ask *ask, const struct message *m)
{
    struct sim_intent *want = &w->clients.intents[ask->intent];

    if (ask->type == MESSAGE_SUBMIT) {
        if (m->type == MESSAGE_ACCEPTED)
            sim_intent_accepted(w, ask->intent, m);
        else
            sim_intent_retry(w, ask->intent);
        w->clients.refused += m->type == MESSAGE_REFUSED;
        return;
    }
    if (ask->type == MESSAGE_CANCEL) {
        if (m->type != MESSAGE_DONE)
            sim_intent_later(w, ask->intent, SIM_INTENT_PAUSE_MS, sim_intent_cancel_fire);
        return;
    }
    if (want->phase != SIM_INTENT_FOLLOWING)
        return;
    if (m->type == MESSAGE_EVENT && m->event.kind != MESSAGE_EVENT_DECIDED)
        return;
    if (m->type == MESSAGE_JOB && message_state_final(m->view.state)) {
        want->phase = SIM_INTENT_DONE;
        sim_callbacks_seen(w, want);
    }
    if (m->type == MESSAGE_REFUSED && m->refused.why == MESSAGE_REFUSAL_NOT_FOUND)
        sim_intent_unknown(w, ask->intent);
    sim_intent_later(w, ask->intent, SIM_INTENT_PAUSE_MS, sim_intent_follow_fire);
}

void sim_intent_silence(struct sim_world *w, const struct sim_ask *ask)
{
    if (ask->type == MESSAGE_SUBMIT)
        sim_intent_retry(w, ask->intent);
    else if (ask->type == MESSAGE_CANCEL)
        sim_intent_later(w, ask->intent, SIM_INTENT_PAUSE_MS, sim_intent_cancel_fire);
    else
        sim_intent_later(w, ask->intent, SIM_INTENT_PAUSE_MS, sim_intent_follow_fire);
}

static struct sim_blob *sim_intent_spec(struct sim_world *w, const struct sim_intent *want,
                                        uint32_t index)
{
    struct rng *rng = &w->clients.rng;
    auto_buf struct buf out;
    char text[64];
    struct spec_file file = {.name = "main.py", .content = span_of("print(input())\n")};
    struct spec spec = {.n_files = 1, .files = &file};

    snprintf(text, sizeof(text), "%u %u %u", index, (unsigned)want->deed, want->ms);
    spec.input = span_of(text);
    snprintf(spec.head.tenant, sizeof(spec.head.tenant), "t%u", (unsigned)rng_below(rng, 3));
    snprintf(spec.head.language, sizeof(spec.head.language), "%s", sim_language_of_job(w));
    spec.head.priority = (uint8_t)rng_below(rng, LIMIT_PRIORITIES);
    spec.head.attempts_max = (uint8_t)want->attempts_max;
    spec.head.backoff_ms = (uint32_t)rng_between(rng, 50, 1000);
    spec.head.delay_ms =
        rng_chance(rng, w->swarm.delay_ppm) ? (uint32_t)rng_between(rng, 1, 8000) : 0;
    spec.head.keyed = want->keyed;
    for (int i = 0; i < ID_SIZE && want->keyed; i++)
        spec.head.key[i] = (uint8_t)rng_u64(rng);
    for (int i = 0; i < ID_SIZE; i++)
        spec.head.body_hash[i] = (uint8_t)(index >> (i % 4 * 8));
    if (want->callback)
        snprintf(spec.callback, sizeof(spec.callback), "https://example.com/%u", index);
    buf_init(&out, LIMIT_SPEC);
    return spec_encode(&spec, &out) < 0 ? NULL : sim_blob_new(buf_span(&out));
}

uint32_t sim_intent_new(struct sim_world *w, struct sim_host *h, uint32_t ms)
{
    struct sim_clients *c = &w->clients;
    struct rng *rng = &c->rng;
    uint32_t index = c->n_intents++;
    struct sim_intent *want;

    if (index == c->cap_intents) {
        c->cap_intents = c->cap_intents ? c->cap_intents * 2 : 64;
        c->intents = own_realloc(c->intents, c->cap_intents * sizeof(*c->intents));
    }
    want = &c->intents[index];
    *want = (struct sim_intent){.ms = ms, .made_ns = w->queue.now_ns};
    want->deed = rng_chance(rng, w->swarm.poison_ppm) ? SIM_DEED_POISON
                 : rng_chance(rng, w->swarm.huge_ppm) ? SIM_DEED_HUGE
                                                      : SIM_DEED_PLAIN;
    want->keyed = rng_chance(rng, w->swarm.keyed_ppm);
    want->cancel = rng_chance(rng, w->swarm.cancel_ppm);
    want->watch = rng_chance(rng, w->swarm.watch_ppm);
    want->callback = sim_callbacks_want(w);
    want->attempts_max = (uint32_t)rng_between(rng, 1, 4);
    want->spec = sim_intent_spec(w, want, index);
    sim_intent_submit(w, index, h ? h : sim_host_any_up(w, rng));
    if (c->intents[index].keyed && rng_chance(rng, w->swarm.double_submit_ppm))
        sim_intent_submit(w, index, sim_host_any_up(w, rng));
    return index;
}

static void sim_intents_fire(struct sim_world *w, struct sim_event *e)
{
    struct rng *rng = &w->clients.rng;
    uint64_t mean = 60 * SIM_S / w->swarm.jobs_per_min;

    (void)e;
    if (w->clients.quiet)
        return;
    sim_queue_add(&w->queue, rng_below(rng, 2 * mean), sim_intents_fire);
    sim_intent_new(w, NULL, (uint32_t)rng_between(rng, 1, 2 * w->swarm.job_ms));
}

void sim_intents_start(struct sim_world *w)
{
    sim_queue_add(&w->queue, SIM_S, sim_intents_fire);
}

bool sim_intents_content(const struct sim_world *w)
{
    for (uint32_t i = 0; i < w->clients.n_intents; i++) {
        enum sim_intent_phase phase = w->clients.intents[i].phase;

        if (phase == SIM_INTENT_SUBMITTING || phase == SIM_INTENT_FOLLOWING)
            return false;
    }
    return true;
}
