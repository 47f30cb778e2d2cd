/* SPDX-License-Identifier: MPL-2.0 */
#include "sim/host.h"

#include "mesh/frame.h"
#include "sim/effect.h"
#include "sim/world.h"

/*
 * How this works. What happens to a host goes through sim_host_feed(): straight into
 * mesh_step() when the machine has time, into the inbox while it is paused or busy; a wake
 * event empties the inbox, many events a step, as a real peer that catches up does.
 *
 *   DOWN --start--> UP --crash, FATAL, DRAINED--> DOWN      each arrow: life + 1
 */

enum { SIM_TIMER_SPINS_MAX = 5000 };

void sim_host_init(struct sim_world *w, struct sim_host *h, uint32_t index)
{
    struct rng *rng = &w->faults.rng;

    h->index = index;
    snprintf(h->name, sizeof(h->name), "n%u", index);
    snprintf(h->endpoint, sizeof(h->endpoint), "tcp://n%u:7946", index);
    snprintf(h->zone, sizeof(h->zone), "z%u", index % 3);
    snprintf(h->cluster, sizeof(h->cluster), "sim");
    for (size_t i = 0; i < sizeof(h->nid.b); i++)
        h->nid.b[i] = (uint8_t)rng_u64(rng);
    h->timer.embedded = true;
    h->wake.embedded = true;
    h->slots.total = w->swarm.slots;
    h->mono_base_ns = rng_between(rng, SIM_S, 100000 * SIM_S);
    h->mono_ppm = w->swarm.drift_ppm ? (uint32_t)rng_between(rng, 0, w->swarm.drift_ppm) : 0;
    h->crash_type = -1;
    sim_disk_init(&h->disk);
}

uint64_t sim_host_mono_ns(const struct sim_world *w, const struct sim_host *h)
{
    uint64_t t = w->queue.now_ns;

    return h->mono_base_ns + t + t / 1000000 * h->mono_ppm;
}

/* The first moment of the world at which this host's clock has reached `mono_ns`. */
static uint64_t sim_host_when(const struct sim_world *w, const struct sim_host *h, uint64_t mono_ns)
{
    uint64_t t = w->queue.now_ns;
    uint64_t now = sim_host_mono_ns(w, h);

    if (mono_ns <= now)
        return t;
    return t + (mono_ns - now) - (mono_ns - now) / 1000000 * h->mono_ppm + 1;
}

static void sim_host_inbox_clear(struct sim_host *h)
{
    while (h->inbox_first) {
        struct sim_input *in = h->inbox_first;

        h->inbox_first = in->next;
        sim_blob_free(in->blob);
        free(in);
    }
    h->inbox_last = NULL;
}

void sim_host_done(struct sim_world *w, struct sim_host *h)
{
    sim_slots_clear(w, h);
    sim_effect_clear(h);
    sim_host_inbox_clear(h);
    mesh_free(h->mesh);
    h->mesh = NULL;
    sim_disk_done(&h->disk);
    sim_queue_remove(&w->queue, &h->timer);
    sim_queue_remove(&w->queue, &h->wake);
}

static void sim_host_timer_fire(struct sim_world *w, struct sim_event *e)
{
    struct sim_host *h = &w->hosts[e->host];
    struct mesh_event event = {.type = MESH_EV_TIMER};

    sim_host_feed(w, h, &event, NULL);
}

static void sim_host_timer_set(struct sim_world *w, struct sim_host *h)
{
    uint64_t deadline = mesh_deadline(h->mesh);

    if (deadline == UINT64_MAX) {
        sim_queue_remove(&w->queue, &h->timer);
        return;
    }

    uint64_t at = sim_host_when(w, h, deadline);

    h->timer_spins = at <= w->queue.now_ns ? h->timer_spins + 1 : 0;
    if (h->timer_spins > SIM_TIMER_SPINS_MAX)
        sim_violate(w, SIM_I18, "%s: its deadline does not pass: %u steps at one moment", h->name,
                    SIM_TIMER_SPINS_MAX);
    h->timer.fire = sim_host_timer_fire;
    h->timer.host = h->index;
    sim_queue_set(&w->queue, &h->timer, at);
}

/* Gives events to the mesh and carries out what it answers. The host may be down after. */
static void sim_host_step(struct sim_world *w, struct sim_host *h, struct mesh_event *events,
                          uint32_t n)
{
    struct mesh_now now = {.mono_ns = sim_host_mono_ns(w, h),
                           .wall_ms = sim_world_wall_ms(w) + h->wall_offset_ms};
    const struct mesh_effect *fx = NULL;
    uint32_t n_fx = 0;
    uint32_t life = h->life;

    for (uint32_t i = 0; i < n; i++) {
        events[i].now = now;
        sim_trace_event(w, h, &events[i]);
    }
    mesh_step(h->mesh, events, n, &fx, &n_fx);
    w->steps++;
    sim_world_mix(w, ((uint64_t)h->index << 32) | n_fx, w->queue.now_ns);
    sim_invariant_step(w, h, n_fx);
    for (uint32_t i = 0; i < n_fx; i++) {
        sim_effect_take(w, h, &fx[i]);
        if (h->life != life)
            return;
    }
    if (h->step_ns)
        h->busy_until = w->queue.now_ns + h->step_ns;
    sim_host_timer_set(w, h);
}

static uint64_t sim_host_free_at(const struct sim_host *h)
{
    return h->paused_until > h->busy_until ? h->paused_until : h->busy_until;
}

static void sim_host_wake_set(struct sim_world *w, struct sim_host *h);

static void sim_host_wake_fire(struct sim_world *w, struct sim_event *e)
{
    struct sim_host *h = &w->hosts[e->host];
    uint32_t life = h->life;

    while (h->inbox_first && h->life == life && sim_host_free_at(h) <= w->queue.now_ns) {
        struct mesh_event events[SIM_INBOX_BATCH];
        struct sim_blob *blobs[SIM_INBOX_BATCH];
        uint32_t n = 0;

        while (h->inbox_first && n < SIM_INBOX_BATCH) {
            struct sim_input *in = h->inbox_first;

            h->inbox_first = in->next;
            events[n] = in->event;
            blobs[n++] = in->blob;
            free(in);
        }
        if (!h->inbox_first)
            h->inbox_last = NULL;
        sim_host_step(w, h, events, n);
        for (uint32_t i = 0; i < n; i++)
            sim_blob_free(blobs[i]);
    }
    if (h->life == life && h->inbox_first)
        sim_host_wake_set(w, h);
}

static void sim_host_wake_set(struct sim_world *w, struct sim_host *h)
{
    h->wake.fire = sim_host_wake_fire;
    h->wake.host = h->index;
    sim_queue_set(&w->queue, &h->wake, sim_host_free_at(h));
}

bool sim_host_ready(const struct sim_world *w, const struct sim_host *h)
{
    return h->mesh && !h->inbox_first && sim_host_free_at(h) <= w->queue.now_ns;
}

void sim_host_feed(struct sim_world *w, struct sim_host *h, const struct mesh_event *event,
                   struct sim_blob *blob)
{
    if (!h->mesh) {
        sim_blob_free(blob);
        return;
    }
    if (sim_host_ready(w, h)) {
        struct mesh_event own = *event;

        sim_host_step(w, h, &own, 1);
        sim_blob_free(blob);
        return;
    }

    struct sim_input *in = own_calloc(1, sizeof(*in));

    in->event = *event;
    in->blob = blob;
    if (h->inbox_last)
        h->inbox_last->next = in;
    else
        h->inbox_first = in;
    h->inbox_last = in;
    if (!heap_has(&h->wake.node))
        sim_host_wake_set(w, h);
}

void sim_host_pause(struct sim_world *w, struct sim_host *h, uint64_t ns)
{
    uint64_t until = w->queue.now_ns + ns;

    if (until > h->paused_until)
        h->paused_until = until;
    if (h->inbox_first)
        sim_host_wake_set(w, h);
}

void sim_host_drain(struct sim_world *w, struct sim_host *h, uint32_t deadline_ms)
{
    struct mesh_event event = {.type = MESH_EV_DRAIN, .drain.deadline_ms = deadline_ms};

    h->leaving = true;
    h->drain_until = w->queue.now_ns + deadline_ms * SIM_MS;
    sim_host_feed(w, h, &event, NULL);
}

void sim_host_crash(struct sim_world *w, struct sim_host *h, bool silent)
{
    if (!h->mesh)
        return;
    sim_trace_note(w, h, SIM_NOTE_DOWN, silent ? "goes down silently" : "goes down");
    h->life++;
    h->restarts++;
    mesh_free(h->mesh);
    h->mesh = NULL;
    h->crash_in = 0;
    h->paused_until = h->busy_until = h->step_ns = 0;
    h->leaving = false;
    sim_queue_remove(&w->queue, &h->timer);
    sim_queue_remove(&w->queue, &h->wake);
    sim_host_inbox_clear(h);
    sim_effect_clear(h);
    sim_slots_clear(w, h);
    sim_watch_crash(w, h);
    sim_net_host_down(w, h, silent);
    sim_clients_host_down(w, h);
}

static void sim_host_start_fire(struct sim_world *w, struct sim_event *e)
{
    sim_host_start(w, &w->hosts[e->host]);
}

void sim_host_start_later(struct sim_world *w, struct sim_host *h, uint64_t delay_ns)
{
    struct sim_event *e = sim_queue_add(&w->queue, delay_ns, sim_host_start_fire);

    e->host = h->index;
}

static void sim_host_configure(struct sim_world *w, struct sim_host *h, struct mesh_config *c)
{
    *c = (struct mesh_config){
        .nid = h->nid,
        .boot = h->boot,
        .seed = rng_u64(&w->faults.rng),
        .isolation = "full",
        .slots = w->swarm.slots,
        .replicas = w->swarm.replicas,
        .queue_max = 10000,
        .nodes_expected = h->rogue ? 1 : w->swarm.nodes,
        .store_max = UINT64_C(1) << 32,
        .retain_completed_s = w->swarm.retain_s,
        .retain_failed_s = w->swarm.retain_s,
        .retain_count = 100000,
        .takeovers_max = 2,
        .repair_after_ms = w->swarm.repair_ms,
        .scrub_ms = w->swarm.scrub_ms,
    };
    if (w->swarm.old_ppm && rng_chance(&w->faults.rng, w->swarm.old_ppm))
        c->wire_version = FRAME_VERSION - 1;
    snprintf(c->cluster, sizeof(c->cluster), "%s", h->cluster);
    snprintf(c->name, sizeof(c->name), "%s", h->name);
    snprintf(c->zone, sizeof(c->zone), "%s", h->zone);
    snprintf(c->endpoint, sizeof(c->endpoint), "%s", h->endpoint);
    snprintf(c->client_endpoint, sizeof(c->client_endpoint), "tcp://%s:7948", h->name);
}

/* Replays the store, in an order that the seed chooses. */
static void sim_host_load(struct sim_world *w, struct sim_host *h)
{
    uint32_t n = 0;
    uint32_t life = h->life;
    struct sim_blob **values = own_calloc(map_len(h->disk.records) + 1, sizeof(struct sim_blob *));
    struct span *keys = own_calloc(map_len(h->disk.records) + 1, sizeof(struct span));

    for (struct map_item *it = map_first(h->disk.records); it; it = map_next(it)) {
        size_t len;
        const void *key = map_key(it, &len);
        uint64_t at = rng_below(&w->faults.rng, n + 1);

        if (mesh_key_is_blob((struct span){key, len}))
            continue;
        keys[n] = keys[at];
        values[n++] = values[at];
        keys[at] = (struct span){key, len};
        values[at] = map_value(it);
    }
    for (uint32_t i = 0; i < n && h->life == life; i++) {
        struct sim_blob *value = sim_watch_load(w, h, keys[i], values[i]);
        struct mesh_event event = {.type = MESH_EV_LOAD, .load = {keys[i], sim_blob_span(value)}};

        sim_host_step(w, h, &event, 1);
        sim_blob_free(value);
    }
    free(values);
    free(keys);
}

void sim_host_start(struct sim_world *w, struct sim_host *h)
{
    struct mesh_config config;
    struct mesh_event start = {.type = MESH_EV_START};

    if (h->mesh)
        return;
    h->boot++;
    h->life++;
    h->drained = false;
    h->timer_spins = 0;
    h->up_since = w->queue.now_ns;
    sim_trace_note(w, h, SIM_NOTE_UP, "starts");
    sim_host_configure(w, h, &config);
    h->mesh = mesh_new(&config);
    sim_host_load(w, h);
    sim_host_feed(w, h, &start, NULL);
    sim_faults_greet(w, h);
}

void sim_host_wipe(struct sim_world *w, struct sim_host *h)
{
    sim_trace_note(w, h, SIM_NOTE_FAULT, "gets an empty disk and a new name");
    sim_watch_wipe(w, h);
    sim_disk_wipe(&h->disk);
    h->amnesiac = false;
    h->told = 0;
    h->boot = 0;
    for (size_t i = 0; i < sizeof(h->nid.b); i++)
        h->nid.b[i] = (uint8_t)rng_u64(&w->faults.rng);
}

const struct sim_host *sim_host_named(const struct sim_world *w, const struct id *nid)
{
    for (uint32_t i = 0; i < w->n_hosts; i++) {
        if (id_eq(&w->hosts[i].nid, nid))
            return &w->hosts[i];
    }
    return NULL;
}

struct sim_host *sim_host_any_up(struct sim_world *w, struct rng *rng)
{
    struct sim_host *found = NULL;
    uint32_t seen = 0;

    for (uint32_t i = 0; i < w->n_hosts; i++) {
        if (w->hosts[i].mesh && !w->hosts[i].rogue && rng_below(rng, ++seen) == 0)
            found = &w->hosts[i];
    }
    return found;
}
