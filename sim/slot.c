/* SPDX-License-Identifier: MPL-2.0 */
#include "sim/slot.h"

#include "mesh/result.h"
#include "mesh/spec.h"
#include "sim/language.h"
#include "sim/world.h"

/*
 * How this works. A run waits, starts, and ends:
 *
 *   EXEC --> starting --> STARTED --> run_ns later --> DONE (RESULT, BROKEN)
 *               |            |                          +--> DONE again, now and then
 *               +-- KILL ----+--> DONE (KILLED)
 */

/* SIM_LANGUAGE_S: in this time every peer has heard what the others have. */
enum { SIM_RUN_HANG_S = 20, SIM_RUN_HUGE = 300 * 1024, SIM_LANGUAGE_S = 10 };

static struct sim_run *sim_run_find(struct sim_host *h, uint64_t exec)
{
    for (struct sim_run *r = h->slots.runs; r; r = r->next) {
        if (r->exec == exec)
            return r;
    }
    return NULL;
}

static void sim_run_remove(struct sim_world *w, struct sim_host *h, struct sim_run *run)
{
    struct sim_run **at = &h->slots.runs;

    while (*at != run)
        at = &(*at)->next;
    *at = run->next;
    h->slots.used--;
    sim_queue_remove(&w->queue, &run->event);
    free(run);
}

static void sim_slots_say(struct sim_world *w, struct sim_host *h, struct mesh_event *event,
                          struct buf *bytes)
{
    struct sim_blob *blob = sim_blob_new(buf_span(bytes));

    event->exec.bytes = sim_blob_span(blob);
    sim_host_feed(w, h, event, blob);
}

static void sim_run_result(const struct sim_world *w, const struct sim_host *h,
                           const struct sim_run *run, struct buf *out)
{
    auto_buf struct buf text;
    struct result result = {.verdict = RESULT_ACCEPTED};

    (void)w;
    buf_init(&text, LIMIT_MIB);
    buf_printf(&text, "job %u run %llu on %s", run->job, (unsigned long long)run->serial, h->name);
    while (run->deed == SIM_DEED_HUGE && text.len < SIM_RUN_HUGE)
        buf_printf(&text, " and %llu", (unsigned long long)(run->serial * 7919 + text.len));
    result.run.out = buf_span(&text);
    snprintf(result.cause.kind, sizeof(result.cause.kind), "exit_code");
    snprintf(result.node, sizeof(result.node), "%s", h->name);
    snprintf(result.isolation, sizeof(result.isolation), "full");
    (void)result_encode(&result, out);
}

/* A completion that comes a second time, after the slot was given back. */
static void sim_run_again_fire(struct sim_world *w, struct sim_event *e)
{
    struct sim_host *h = &w->hosts[e->host];
    struct mesh_event event = {.type = MESH_EV_EXEC_DONE, .exec.exec = e->a};

    if (h->life != e->life)
        return;
    event.exec.outcome = MESH_OUTCOME_RESULT;
    event.exec.bytes = sim_blob_span(e->blob);
    sim_host_feed(w, h, &event, STEAL(e->blob));
}

static void sim_run_done(struct sim_world *w, struct sim_host *h, struct sim_run *run)
{
    auto_buf struct buf bytes;
    struct rng *rng = &w->clients.rng;
    struct mesh_event event = {.type = MESH_EV_EXEC_DONE, .exec.exec = run->exec};

    buf_init(&bytes, LIMIT_RESULT);
    if (run->killed) {
        event.exec.outcome = MESH_OUTCOME_KILLED;
    } else if (run->foreign ||
               (w->phase == SIM_PHASE_SAFETY && rng_chance(rng, w->swarm.broken_ppm))) {
        event.exec.outcome = MESH_OUTCOME_BROKEN;
        buf_puts(&bytes, "the simulated sandbox broke");
    } else {
        event.exec.outcome = MESH_OUTCOME_RESULT;
        sim_run_result(w, h, run, &bytes);
    }
    if (event.exec.outcome == MESH_OUTCOME_RESULT && rng_chance(rng, w->swarm.twice_ppm)) {
        struct sim_event *e = sim_queue_add(&w->queue, rng_below(rng, SIM_S), sim_run_again_fire);

        e->host = h->index;
        e->life = h->life;
        e->a = run->exec;
        e->blob = sim_blob_new(buf_span(&bytes));
    }
    sim_watch_done(w, h, run, event.exec.outcome);
    sim_run_remove(w, h, run);
    sim_slots_say(w, h, &event, &bytes);
}

static void sim_run_fire(struct sim_world *w, struct sim_event *e)
{
    struct sim_host *h = &w->hosts[e->host];
    struct sim_run *run = HEAP_OWNER(&e->node, struct sim_run, event.node);
    struct mesh_event event = {.type = MESH_EV_EXEC_STARTED, .exec.exec = run->exec};

    if (run->started || run->killed) {
        sim_run_done(w, h, run);
        return;
    }
    run->started = true;
    if (run->job < w->clients.n_intents && !w->clients.intents[run->job].started_ns)
        w->clients.intents[run->job].started_ns = w->queue.now_ns;
    if (run->deed == SIM_DEED_POISON && w->phase == SIM_PHASE_SAFETY) {
        sim_faults_poison(w, h, run);
        return;
    }
    sim_queue_set(&w->queue, &run->event, w->queue.now_ns + run->run_ns);
    sim_host_feed(w, h, &event, NULL);
}

/* What the job asks for, from its spec. */
static void sim_run_read(struct sim_world *w, const struct sim_host *h, struct sim_run *run,
                         struct span bytes)
{
    struct spec spec;
    unsigned job, deed, ms;
    char text[64];

    if (spec_decode(bytes, &spec, NULL) < 0)
        return;
    snprintf(text, sizeof(text), "%.*s", (int)spec.input.len, (const char *)spec.input.data);
    if (sscanf(text, "%u %u %u", &job, &deed, &ms) == 3 && deed < SIM_DEED_N) {
        run->job = job;
        run->deed = (enum sim_deed)deed;
        run->run_ns = ms * SIM_MS;
    }
    run->foreign = !sim_language_has(w, h, spec.head.language);
    if (run->foreign && w->queue.now_ns > SIM_LANGUAGE_S * SIM_S)
        sim_violate(w, SIM_I21, "%s runs job %u, and has no %s", h->name, run->job,
                    spec.head.language);
    spec_done(&spec);
    /* Once healed, what piled up must not take longer than it is waited for. */
    if (w->phase != SIM_PHASE_SAFETY && run->run_ns > SIM_S / 2)
        run->run_ns = SIM_S / 2;
    if (w->phase == SIM_PHASE_SAFETY && rng_chance(&w->clients.rng, w->swarm.hang_ppm))
        run->run_ns = SIM_RUN_HANG_S * SIM_S;
}

void sim_slots_exec(struct sim_world *w, struct sim_host *h, const struct mesh_effect *fx)
{
    struct sim_run *run = own_calloc(1, sizeof(*run));

    run->exec = fx->exec.exec;
    run->jid = fx->exec.jid;
    run->epoch = fx->exec.epoch;
    run->attempt = fx->exec.attempt;
    run->serial = ++w->history.runs;
    run->run_ns = SIM_MS;
    sim_run_read(w, h, run, fx->exec.spec);
    sim_watch_exec(w, h, run);
    if (sim_run_find(h, run->exec))
        sim_violate(w, SIM_I18, "%s: run number %llu is used twice", h->name,
                    (unsigned long long)run->exec);
    if (h->slots.used >= h->slots.total)
        sim_violate(w, SIM_I18, "%s: a run is asked for and no slot is free", h->name);
    run->next = h->slots.runs;
    h->slots.runs = run;
    h->slots.used++;
    run->event.fire = sim_run_fire;
    run->event.host = h->index;
    run->event.embedded = true;
    sim_queue_set(&w->queue, &run->event,
                  w->queue.now_ns +
                      SIM_US * rng_between(&w->clients.rng, 100, w->history.off ? 200 : 5000));
}

void sim_slots_kill(struct sim_world *w, struct sim_host *h, uint64_t exec)
{
    struct sim_run *run = sim_run_find(h, exec);

    if (!run || run->killed)
        return;
    run->killed = true;
    sim_queue_set(&w->queue, &run->event,
                  w->queue.now_ns + SIM_MS * rng_between(&w->clients.rng, 1, 100));
}

void sim_slots_clear(struct sim_world *w, struct sim_host *h)
{
    while (h->slots.runs) {
        sim_watch_cut(w, h->slots.runs);
        sim_run_remove(w, h, h->slots.runs);
    }
}
