/* SPDX-License-Identifier: MPL-2.0 */
#include "sim/effect.h"

#include "sim/world.h"

#include <errno.h>

/*
 * How this works. A PERSIST joins the disk's queue; the one writer commits all that is queued,
 * then everything held for those batches goes out, in order, then the mesh hears SYNCED.
 */

const char *sim_effect_name(enum mesh_effect_type type)
{
    static const char *const names[] = {
#define X(id) #id,
        MESH_EFFECTS(X)
#undef X
    };

    return type < MESH_FX_N ? names[type] : "?";
}

static void sim_effect_disk_start(struct sim_world *w, struct sim_host *h);

static void sim_effect_release(struct sim_world *w, struct sim_host *h, uint64_t batch);

static void sim_effect_disk_fire(struct sim_world *w, struct sim_event *e)
{
    struct sim_host *h = &w->hosts[e->host];
    uint64_t batch = e->a;

    if (h->life != e->life)
        return;
    if (h->disk.stalled_until > w->queue.now_ns) {
        struct sim_event *again =
            sim_queue_add(&w->queue, h->disk.stalled_until - w->queue.now_ns, sim_effect_disk_fire);

        again->host = e->host;
        again->life = e->life;
        again->a = batch;
        return;
    }
    sim_watch_commit(w, h, batch);
    h->disk.writing = false;
    sim_effect_release(w, h, batch);
    if (h->life != e->life)
        return;
    if (h->disk.first)
        sim_effect_disk_start(w, h);

    struct mesh_event event = {.type = MESH_EV_SYNCED, .synced.batch = batch};

    sim_host_feed(w, h, &event, NULL);
}

static void sim_effect_disk_start(struct sim_world *w, struct sim_host *h)
{
    uint64_t mean = w->phase == SIM_PHASE_SAFETY ? w->swarm.sync_us : 1000;
    uint64_t ns = SIM_US * rng_between(&w->faults.rng, mean / 2, mean + mean / 2);
    struct sim_event *e = sim_queue_add(&w->queue, ns, sim_effect_disk_fire);

    h->disk.writing = true;
    h->disk.writing_to = h->disk.last->number;
    e->host = h->index;
    e->life = h->life;
    e->a = h->disk.writing_to;
}

static void sim_effect_persist(struct sim_world *w, struct sim_host *h,
                               const struct mesh_effect *fx)
{
    sim_disk_queue(&h->disk, w->queue.now_ns, fx);
    if (!h->disk.writing)
        sim_effect_disk_start(w, h);
}

static void sim_effect_read_fire(struct sim_world *w, struct sim_event *e)
{
    struct sim_host *h = &w->hosts[e->host];

    if (h->life != e->life)
        return;

    struct mesh_event event = {.type = MESH_EV_READ, .read = {.read = e->a, .status = (int)e->b}};

    event.read.value = sim_blob_span(e->blob);
    sim_host_feed(w, h, &event, STEAL(e->blob));
}

static void sim_effect_read(struct sim_world *w, struct sim_host *h, const struct mesh_effect *fx)
{
    struct sim_blob *value = sim_disk_get(&h->disk, (struct span){fx->read.key, fx->read.klen});
    uint64_t mean = w->swarm.read_us;
    uint64_t ns = SIM_US * rng_between(&w->faults.rng, mean / 2, mean + mean / 2);
    struct sim_event *e = sim_queue_add(&w->queue, ns, sim_effect_read_fire);

    e->host = h->index;
    e->life = h->life;
    e->a = fx->read.read;
    if (!value)
        e->b = (uint64_t)-ENOENT;
    else if (sim_faults_rots(w, h))
        e->b = (uint64_t)-EIO;
    else
        e->blob = sim_blob_ref(value);
}

static void sim_effect_connect(struct sim_world *w, struct sim_host *h,
                               const struct mesh_effect *fx)
{
    sim_net_connect(w, h, fx->connect.link, fx->connect.endpoint);
}

static void sim_effect_disconnect(struct sim_world *w, struct sim_host *h,
                                  const struct mesh_effect *fx)
{
    sim_net_disconnect(w, h, fx->connect.link);
}

static void sim_effect_send(struct sim_world *w, struct sim_host *h, const struct mesh_effect *fx)
{
    h->frames_out++;
    h->bytes_out += fx->send.frame.len;
    sim_watch_send(w, h, fx);
    sim_net_send(w, h, fx);
}

static void sim_effect_client(struct sim_world *w, struct sim_host *h, const struct mesh_effect *fx)
{
    sim_clients_answer(w, h, fx->client.client, fx->client.frame);
}

static void sim_effect_exec(struct sim_world *w, struct sim_host *h, const struct mesh_effect *fx)
{
    sim_slots_exec(w, h, fx);
}

static void sim_effect_kill(struct sim_world *w, struct sim_host *h, const struct mesh_effect *fx)
{
    sim_slots_kill(w, h, fx->exec.exec);
}

static void sim_effect_log(struct sim_world *w, struct sim_host *h, const struct mesh_effect *fx)
{
    (void)w;
    (void)h;
    (void)fx;
}

static void sim_effect_drained(struct sim_world *w, struct sim_host *h,
                               const struct mesh_effect *fx)
{
    (void)fx;
    h->drained = true;
    sim_faults_drained(w, h);
}

static void sim_effect_fatal(struct sim_world *w, struct sim_host *h, const struct mesh_effect *fx)
{
    sim_faults_fatal(w, h, fx->log.text);
}

static const struct {
    void (*take)(struct sim_world *w, struct sim_host *h, const struct mesh_effect *fx);
} sim_effects[] = {
    [MESH_FX_PERSIST] = {sim_effect_persist}, [MESH_FX_READ] = {sim_effect_read},
    [MESH_FX_CONNECT] = {sim_effect_connect}, [MESH_FX_DISCONNECT] = {sim_effect_disconnect},
    [MESH_FX_SEND] = {sim_effect_send},       [MESH_FX_CLIENT] = {sim_effect_client},
    [MESH_FX_EXEC] = {sim_effect_exec},       [MESH_FX_KILL] = {sim_effect_kill},
    [MESH_FX_LOG] = {sim_effect_log},         [MESH_FX_DRAINED] = {sim_effect_drained},
    [MESH_FX_FATAL] = {sim_effect_fatal},
};

/* The bytes an effect points to, or NULL when it has none. */
static struct span *sim_effect_bytes(struct mesh_effect *fx)
{
    if (fx->type == MESH_FX_SEND)
        return &fx->send.frame;
    if (fx->type == MESH_FX_CLIENT)
        return &fx->client.frame;
    return fx->type == MESH_FX_EXEC ? &fx->exec.spec : NULL;
}

/* True when the host's time has come: it dies before this effect. */
static bool sim_effect_last(struct sim_world *w, struct sim_host *h, const struct mesh_effect *fx)
{
    if (!h->crash_in || (h->crash_type >= 0 && (int)fx->type != h->crash_type))
        return false;
    if (--h->crash_in)
        return false;
    sim_faults_effect_crash(w, h);
    return true;
}

static void sim_effect_do(struct sim_world *w, struct sim_host *h, const struct mesh_effect *fx)
{
    if (sim_effect_last(w, h, fx))
        return;
    sim_trace_effect(w, h, fx);
    sim_world_mix(w, fx->type, h->index);
    sim_effects[fx->type].take(w, h, fx);
}

static void sim_effect_hold(struct sim_host *h, const struct mesh_effect *fx)
{
    struct sim_held *held = own_calloc(1, sizeof(*held));
    struct span *bytes;

    held->effect = *fx;
    bytes = sim_effect_bytes(&held->effect);
    if (bytes) {
        held->blob = sim_blob_new(*bytes);
        *bytes = sim_blob_span(held->blob);
    } else if (fx->type == MESH_FX_CONNECT) {
        size_t len = strlen(fx->connect.endpoint) + 1;

        held->blob = sim_blob_new((struct span){(const uint8_t *)fx->connect.endpoint, len});
        held->effect.connect.endpoint = (const char *)held->blob->data;
    }
    if (h->held_last)
        h->held_last->next = held;
    else
        h->held_first = held;
    h->held_last = held;
}

static struct sim_held *sim_effect_held_free(struct sim_held *held)
{
    struct sim_held *next = held->next;

    sim_blob_free(held->blob);
    free(held);
    return next;
}

/* Lets go what waited for `batch`. The host may be down after. */
static void sim_effect_release(struct sim_world *w, struct sim_host *h, uint64_t batch)
{
    struct sim_held *keep = NULL, **tail = &keep;
    struct sim_held *all = h->held_first;
    uint32_t life = h->life;

    h->held_first = h->held_last = NULL;
    while (all) {
        if (h->life == life && all->effect.after_batch > batch) {
            *tail = all;
            h->held_last = all;
            tail = &all->next;
            all = all->next;
            continue;
        }
        if (h->life == life)
            sim_effect_do(w, h, &all->effect);
        all = sim_effect_held_free(all);
    }
    *tail = NULL;
    if (h->life == life)
        h->held_first = keep;
    while (h->life != life && keep)
        keep = sim_effect_held_free(keep);
    if (h->life != life)
        h->held_last = NULL;
}

void sim_effect_take(struct sim_world *w, struct sim_host *h, const struct mesh_effect *fx)
{
    if (fx->type >= MESH_FX_N) {
        sim_violate(w, SIM_I18, "%s: an effect of no known type", h->name);
        return;
    }
    if (fx->after_batch <= h->disk.synced)
        sim_effect_do(w, h, fx);
    else
        sim_effect_hold(h, fx);
}

void sim_effect_clear(struct sim_host *h)
{
    while (h->held_first)
        h->held_first = sim_effect_held_free(h->held_first);
    h->held_last = NULL;
}
