/* SPDX-License-Identifier: MPL-2.0 */
#include "sim/fault.h"

#include "sim/language.h"
#include "sim/world.h"

/*
 * How this works. Each kind has one event that comes back after a random time and calls the
 * kind's function. What a fault must undo later, it puts into the queue at once; an undoing
 * that comes after the world was healed finds nothing left to do.
 */

enum { SIM_SEEDS_MAX = 5 };

static uint64_t sim_ms(struct sim_world *w, uint64_t lo, uint64_t hi)
{
    return SIM_MS * rng_between(&w->faults.rng, lo, hi);
}

static void sim_fault_crash(struct sim_world *w)
{
    struct sim_host *h = sim_host_any_up(w, &w->faults.rng);

    if (!h)
        return;
    sim_host_crash(w, h, rng_chance(&w->faults.rng, 300000));
    sim_host_start_later(w, h, sim_ms(w, 1, 8000));
}

/* Dies before its n-th next effect of one type: between a write and the frame that tells of
 * it, between two frames of one step, ... */
static void sim_fault_boundary(struct sim_world *w)
{
    static const int types[] = {-1, MESH_FX_PERSIST, MESH_FX_SEND, MESH_FX_CLIENT, MESH_FX_EXEC};
    struct sim_host *h = sim_host_any_up(w, &w->faults.rng);

    if (!h || h->crash_in)
        return;
    h->crash_type = types[rng_below(&w->faults.rng, ARRAY_LEN(types))];
    h->crash_in = (uint32_t)rng_between(&w->faults.rng, 1, 12);
}

void sim_faults_effect_crash(struct sim_world *w, struct sim_host *h)
{
    sim_host_crash(w, h, false);
    sim_host_start_later(w, h, sim_ms(w, 1, 5000));
}

static void sim_fault_storm_fire(struct sim_world *w, struct sim_event *e)
{
    struct sim_host *h = &w->hosts[e->host];

    if (w->phase != SIM_PHASE_SAFETY || !h->mesh)
        return;
    sim_host_crash(w, h, false);
    sim_host_start_later(w, h, sim_ms(w, 1, 300));
    if (e->a > 0) {
        struct sim_event *again =
            sim_queue_add(&w->queue, sim_ms(w, 301, 1500), sim_fault_storm_fire);

        again->host = h->index;
        again->a = e->a - 1;
    }
}

static void sim_fault_storm(struct sim_world *w)
{
    struct sim_host *h = sim_host_any_up(w, &w->faults.rng);
    struct sim_event *e;

    if (!h)
        return;
    e = sim_queue_add(&w->queue, 0, sim_fault_storm_fire);
    e->host = h->index;
    e->a = rng_between(&w->faults.rng, 2, 6);
}

static void sim_fault_blackout(struct sim_world *w)
{
    for (uint32_t i = 0; i < w->n_hosts; i++) {
        struct sim_host *h = &w->hosts[i];

        if (!h->mesh)
            continue;
        sim_host_crash(w, h, rng_chance(&w->faults.rng, 500000));
        sim_host_start_later(w, h, sim_ms(w, 100, 4000));
    }
}

static void sim_fault_pause(struct sim_world *w)
{
    struct sim_host *h = sim_host_any_up(w, &w->faults.rng);
    uint64_t ns = sim_ms(w, 200, rng_chance(&w->faults.rng, 200000) ? 20000 : 4000);

    if (!h)
        return;
    sim_trace_note(w, h, SIM_NOTE_FAULT, "stands still for %llu ms",
                   (unsigned long long)(ns / SIM_MS));
    sim_host_pause(w, h, ns);
}

static void sim_fault_fast_fire(struct sim_world *w, struct sim_event *e)
{
    if (w->hosts[e->host].life == e->life)
        w->hosts[e->host].step_ns = 0;
}

static void sim_fault_slow(struct sim_world *w)
{
    struct sim_host *h = sim_host_any_up(w, &w->faults.rng);
    struct sim_event *e;

    if (!h)
        return;
    h->step_ns = sim_ms(w, 1, 60);
    sim_trace_note(w, h, SIM_NOTE_FAULT, "is slow: %llu ms a step",
                   (unsigned long long)(h->step_ns / SIM_MS));
    e = sim_queue_add(&w->queue, sim_ms(w, 1000, 10000), sim_fault_fast_fire);
    e->host = h->index;
    e->life = h->life;
}

static void sim_fault_stall(struct sim_world *w)
{
    struct sim_host *h = sim_host_any_up(w, &w->faults.rng);

    if (!h)
        return;
    h->disk.stalled_until =
        w->queue.now_ns + sim_ms(w, 500, rng_chance(&w->faults.rng, 200000) ? 30000 : 5000);
    sim_trace_note(w, h, SIM_NOTE_FAULT, "its disk stalls");
}

static void sim_fault_disk_say(struct sim_world *w, struct sim_host *h, enum mesh_disk state)
{
    struct mesh_event event = {.type = MESH_EV_DISK};

    event.disk.state = state;
    event.disk.max = UINT64_C(1) << 32;
    event.disk.used = state == MESH_DISK_OK
                          ? h->disk.bytes
                          : event.disk.max / 100 * (state == MESH_DISK_FULL ? 99 : 85);
    sim_host_feed(w, h, &event, NULL);
}

static void sim_fault_room_fire(struct sim_world *w, struct sim_event *e)
{
    if (w->hosts[e->host].life == e->life)
        sim_fault_disk_say(w, &w->hosts[e->host], MESH_DISK_OK);
}

static void sim_fault_full(struct sim_world *w)
{
    struct sim_host *h = sim_host_any_up(w, &w->faults.rng);
    struct sim_event *e;

    if (!h)
        return;
    e = sim_queue_add(&w->queue, sim_ms(w, 500, 8000), sim_fault_room_fire);
    e->host = h->index;
    e->life = h->life;
    sim_trace_note(w, h, SIM_NOTE_FAULT, "its disk is full");
    sim_fault_disk_say(w, h,
                       rng_chance(&w->faults.rng, 500000) ? MESH_DISK_FULL : MESH_DISK_NEARLY_FULL);
}

static void sim_fault_wipe(struct sim_world *w)
{
    struct sim_host *h = sim_host_any_up(w, &w->faults.rng);

    if (!h || h->amnesiac || !sim_budget_allows_disk(w, h))
        return;
    sim_host_crash(w, h, true);
    sim_host_wipe(w, h);
    sim_host_start_later(w, h, sim_ms(w, 10, 6000));
}

static void sim_fault_rollback(struct sim_world *w)
{
    struct sim_host *h = sim_host_any_up(w, &w->faults.rng);
    uint64_t boot;

    if (!h || h->amnesiac)
        return;
    if (!h->disk.snapshot) {
        sim_disk_snapshot(&h->disk, h->boot);
        return;
    }
    /* What was told to nobody may be lost in any crash: to lose it is not to go back. */
    if (!sim_watch_forgets(w, h))
        return;
    if (!sim_budget_allows_disk(w, h))
        return;
    sim_host_crash(w, h, false);
    sim_watch_wipe(w, h);
    sim_trace_note(w, h, SIM_NOTE_FAULT, "its disk goes back in time");
    boot = sim_disk_rollback(&h->disk);
    h->amnesiac = true;
    h->boot = boot;
    sim_host_start_later(w, h, sim_ms(w, 10, 3000));
}

static void sim_fault_rot(struct sim_world *w)
{
    struct sim_host *h = sim_host_any_up(w, &w->faults.rng);

    if (!h || h->amnesiac)
        return;
    sim_host_crash(w, h, false);
    w->faults.rot_ppm = (uint32_t)rng_between(&w->faults.rng, 20000, 500000);
    sim_host_start(w, h);
    w->faults.rot_ppm = 0;
}

bool sim_faults_rots(struct sim_world *w, struct sim_host *h)
{
    (void)h;
    return w->phase == SIM_PHASE_SAFETY && w->faults.mean_ns[SIM_FAULT_ROT] &&
           rng_chance(&w->faults.rng, 20000);
}

static void sim_fault_clock(struct sim_world *w)
{
    struct sim_host *h = sim_host_any_up(w, &w->faults.rng);

    if (!h)
        return;
    h->wall_offset_ms = (int64_t)rng_below(&w->faults.rng, 7200000) - 3600000;
    sim_trace_note(w, h, SIM_NOTE_FAULT, "its wall clock is %lld ms off",
                   (long long)h->wall_offset_ms);
}

static uint32_t sim_fault_host(struct sim_world *w)
{
    return (uint32_t)rng_below(&w->faults.rng, w->n_hosts);
}

static void sim_fault_reset(struct sim_world *w)
{
    uint32_t a = sim_fault_host(w);
    uint32_t b = sim_fault_host(w);

    if (a == b)
        return;
    sim_net_reset(w, a, b);
    if (rng_chance(&w->faults.rng, 500000))
        sim_net_reset(w, b, a);
}

static void sim_fault_open_fire(struct sim_world *w, struct sim_event *e)
{
    if (w->phase == SIM_PHASE_SAFETY)
        sim_net_unblock(w, (uint32_t)e->a, (uint32_t)e->b);
}

static void sim_fault_block(struct sim_world *w, uint32_t from, uint32_t to, uint64_t ns)
{
    struct sim_event *e;

    if (from == to)
        return;
    sim_net_block(w, from, to);
    e = sim_queue_add(&w->queue, ns, sim_fault_open_fire);
    e->a = from;
    e->b = to;
}

static void sim_fault_partition(struct sim_world *w)
{
    uint64_t ns = sim_ms(w, 500, rng_chance(&w->faults.rng, 300000) ? 25000 : 8000);
    uint64_t side = rng_u64(&w->faults.rng);

    sim_trace_note(w, NULL, SIM_NOTE_FAULT, "the network splits for %llu ms, sides %llx",
                   (unsigned long long)(ns / SIM_MS),
                   (unsigned long long)(side & ((UINT64_C(1) << w->n_hosts % 64) - 1)));
    for (uint32_t a = 0; a < w->n_hosts; a++) {
        for (uint32_t b = 0; b < w->n_hosts; b++) {
            if (((side >> a % 64) & 1) != ((side >> b % 64) & 1))
                sim_fault_block(w, a, b, ns);
        }
    }
}

static void sim_fault_oneway(struct sim_world *w)
{
    uint64_t ns = sim_ms(w, 500, 12000);
    uint32_t a = sim_fault_host(w);
    bool deaf = rng_chance(&w->faults.rng, 500000);

    sim_trace_note(w, &w->hosts[a], SIM_NOTE_FAULT, deaf ? "hears nobody" : "is heard by nobody");
    for (uint32_t b = 0; b < w->n_hosts; b++)
        sim_fault_block(w, deaf ? b : a, deaf ? a : b, ns);
}

static void sim_fault_partial(struct sim_world *w)
{
    uint64_t ns = sim_ms(w, 500, 12000);

    sim_trace_note(w, NULL, SIM_NOTE_FAULT, "some paths are cut");
    for (uint32_t a = 0; a < w->n_hosts; a++) {
        for (uint32_t b = a + 1; b < w->n_hosts; b++) {
            if (!rng_chance(&w->faults.rng, 300000))
                continue;
            sim_fault_block(w, a, b, ns);
            sim_fault_block(w, b, a, ns);
        }
    }
}

/* A random set of paths closes one after the other and opens in another order. */
static void sim_fault_clog(struct sim_world *w)
{
    for (uint64_t n = rng_between(&w->faults.rng, 1, w->n_hosts); n > 0; n--)
        sim_fault_block(w, sim_fault_host(w), sim_fault_host(w), sim_ms(w, 50, 3000));
}

static void sim_fault_term_fire(struct sim_world *w, struct sim_event *e)
{
    struct sim_host *h = &w->hosts[e->host];

    if (h->life != e->life || !h->mesh || w->phase != SIM_PHASE_SAFETY)
        return;
    sim_host_crash(w, h, false);
    sim_host_start_later(w, h, sim_ms(w, 100, 3000));
}

static void sim_fault_drain(struct sim_world *w)
{
    struct sim_host *h = sim_host_any_up(w, &w->faults.rng);
    struct sim_event *e;

    if (!h || h->leaving)
        return;
    sim_trace_note(w, h, SIM_NOTE_FAULT, "is asked to leave");
    e = sim_queue_add(&w->queue, 30 * SIM_S, sim_fault_term_fire);
    e->host = h->index;
    e->life = h->life;
    sim_host_drain(w, h, (uint32_t)rng_between(&w->faults.rng, 500, 8000));
}

static const struct {
    const char *name, *text;
} sim_fault_names[] = {
#define X(id, name, text) {name, text},
    SIM_FAULTS(X)
#undef X
};

static const struct {
    void (*strike)(struct sim_world *w);
} sim_fault_kinds[] = {
    [SIM_FAULT_CRASH] = {sim_fault_crash},   [SIM_FAULT_BOUNDARY] = {sim_fault_boundary},
    [SIM_FAULT_STORM] = {sim_fault_storm},   [SIM_FAULT_BLACKOUT] = {sim_fault_blackout},
    [SIM_FAULT_PAUSE] = {sim_fault_pause},   [SIM_FAULT_SLOW] = {sim_fault_slow},
    [SIM_FAULT_STALL] = {sim_fault_stall},   [SIM_FAULT_FULL] = {sim_fault_full},
    [SIM_FAULT_WIPE] = {sim_fault_wipe},     [SIM_FAULT_ROLLBACK] = {sim_fault_rollback},
    [SIM_FAULT_ROT] = {sim_fault_rot},       [SIM_FAULT_CLOCK] = {sim_fault_clock},
    [SIM_FAULT_RESET] = {sim_fault_reset},   [SIM_FAULT_PARTITION] = {sim_fault_partition},
    [SIM_FAULT_ONEWAY] = {sim_fault_oneway}, [SIM_FAULT_PARTIAL] = {sim_fault_partial},
    [SIM_FAULT_CLOG] = {sim_fault_clog},     [SIM_FAULT_DRAIN] = {sim_fault_drain},
};

const char *sim_fault_name(enum sim_fault f)
{
    return sim_fault_names[f].name;
}

const char *sim_fault_text(enum sim_fault f)
{
    return sim_fault_names[f].text;
}

static void sim_fault_fire(struct sim_world *w, struct sim_event *e)
{
    struct sim_faults *f = &w->faults;
    enum sim_fault kind = (enum sim_fault)e->a;

    if (w->phase != SIM_PHASE_SAFETY)
        return;
    sim_queue_add(&w->queue, rng_below(&f->rng, 2 * f->mean_ns[kind]), sim_fault_fire)->a = kind;
    f->done[kind]++;
    sim_fault_kinds[kind].strike(w);
}

void sim_faults_init(struct sim_world *w)
{
    const struct sim_profile *p = w->setup.profile;
    struct rng *rng = &w->faults.rng;

    for (enum sim_fault f = 0; f < SIM_FAULT_N; f++) {
        bool on = rng_chance(rng, p->chance_ppm);
        uint64_t scale = rng_between(rng, 30, 250); /* percent */

        w->faults.mean_ns[f] = on ? p->mean_ms[f] * SIM_MS / 100 * scale : 0;
    }
}

void sim_faults_start(struct sim_world *w)
{
    for (enum sim_fault f = 0; f < SIM_FAULT_N; f++) {
        if (w->faults.mean_ns[f])
            sim_queue_add(&w->queue,
                          2 * SIM_S + rng_below(&w->faults.rng, 2 * w->faults.mean_ns[f]),
                          sim_fault_fire)
                ->a = f;
    }
}

void sim_faults_heal(struct sim_world *w)
{
    sim_trace_note(w, NULL, SIM_NOTE_PHASE, "all faults end");
    sim_net_heal(w);
    for (uint32_t i = 0; i < w->n_hosts; i++) {
        struct sim_host *h = &w->hosts[i];

        h->paused_until = h->busy_until = w->queue.now_ns;
        h->step_ns = 0;
        h->crash_in = 0;
        h->disk.stalled_until = 0;
        sim_host_pause(w, h, 0);
        if (h->mesh && h->leaving) {
            h->drain_until = w->queue.now_ns; /* it is given no more time to leave */
            sim_host_crash(w, h, false);
        } else if (h->mesh) {
            sim_fault_disk_say(w, h, MESH_DISK_OK);
        }
        sim_host_start_later(w, h, sim_ms(w, 1, 1000));
    }
}

/* --- what hosts report ---------------------------------------------------------------------- */

static void sim_faults_seeds(struct sim_world *w, struct sim_host *h)
{
    const char *seeds[SIM_SEEDS_MAX];
    struct mesh_event event = {.type = MESH_EV_SEEDS, .seeds = {seeds, 0}};
    uint32_t first = sim_fault_host(w);

    for (uint32_t i = 0; i < w->n_hosts && event.seeds.n < SIM_SEEDS_MAX; i++)
        seeds[event.seeds.n++] = w->hosts[(first + i) % w->n_hosts].endpoint;
    if (sim_host_ready(w, h))
        sim_host_feed(w, h, &event, NULL);
}

/* The list of seeds is resolved again and again, as DNS is. */
static void sim_faults_seeds_fire(struct sim_world *w, struct sim_event *e)
{
    struct sim_host *h = &w->hosts[e->host];
    struct sim_event *again;

    if (h->life != e->life)
        return;
    again = sim_queue_add(&w->queue, 5 * SIM_S, sim_faults_seeds_fire);
    again->host = e->host;
    again->life = e->life;
    sim_faults_seeds(w, h);
}

void sim_faults_greet(struct sim_world *w, struct sim_host *h)
{
    struct sim_event *e;

    if (!h->mesh)
        return;
    e = sim_queue_add(&w->queue, SIM_MS, sim_faults_seeds_fire);
    e->host = h->index;
    e->life = h->life;
    sim_language_tell(w, h);
}

void sim_faults_drained(struct sim_world *w, struct sim_host *h)
{
    sim_rest_drained(w, h);
    sim_trace_note(w, h, SIM_NOTE_FAULT, "is drained");
    sim_host_crash(w, h, false);
    sim_host_start_later(w, h, sim_ms(w, 100, 3000));
}

void sim_faults_fatal(struct sim_world *w, struct sim_host *h, const char *why)
{
    bool wipe = h->amnesiac;

    sim_trace_note(w, h, SIM_NOTE_FAULT, "gives up: %s", why);
    if (!wipe && !h->rogue)
        sim_violate(w, SIM_I18, "%s gives up with nothing wrong: %s", h->name, why);
    sim_host_crash(w, h, false);
    if (wipe)
        sim_host_wipe(w, h);
    sim_host_start_later(w, h, sim_ms(w, 100, 3000));
}

void sim_faults_poison(struct sim_world *w, struct sim_host *h, const struct sim_run *run)
{
    sim_trace_note(w, h, SIM_NOTE_FAULT, "job %u takes it down", run->job);
    sim_host_crash(w, h, false);
    sim_host_start_later(w, h, sim_ms(w, 100, 3000));
}
