/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works: a step takes its events in order, then fires what timers are due, starts
 * what can start, and only then writes what changed: one batch, one frame per peer and lane.
 *
 *     events -> handlers change jobs, peers, runs -> timers -> sched_run()
 *            -> store_flush(): dirty records into the batch
 *            -> peers_flush(): messages into frames
 *            -> effects_end(): the batch first, the rest after it
 *
 * Handlers mark and queue; nothing is written or sent in the middle, so what a frame says is
 * never newer than the batch it waits for.
 */
#include "mesh/mesh.h"

#include "base/hash.h"
#include "base/log.h"
#include "mesh/ability.h"
#include "mesh/client.h"
#include "mesh/damage.h"
#include "mesh/digest.h"
#include "mesh/dispatch.h"
#include "mesh/drain.h"
#include "mesh/exec.h"
#include "mesh/forward.h"
#include "mesh/job.h"
#include "mesh/lag.h"
#include "mesh/peer.h"
#include "mesh/purge.h"
#include "mesh/reconfig.h"
#include "mesh/repair.h"
#include "mesh/sched.h"
#include "mesh/scrub.h"
#include "mesh/session.h"
#include "mesh/stats.h"
#include "mesh/steal.h"
#include "mesh/store.h"
#include "mesh/tally.h"
#include "mesh/timer.h"
#include "mesh/watch.h"

#include <assert.h>

enum { TIMERS_PER_STEP = 10000, DEFAULT_QUEUE = 10000, DEFAULT_RETAIN_S = 3600 };

static void config_defaults(struct mesh_config *c)
{
    if (c->replicas == 0)
        c->replicas = 3;
    if (c->replicas > LIMIT_REPLICAS)
        c->replicas = LIMIT_REPLICAS;
    if (c->queue_max == 0)
        c->queue_max = DEFAULT_QUEUE;
    if (c->nodes_expected == 0)
        c->nodes_expected = 1;
    if (c->retain_completed_s == 0)
        c->retain_completed_s = DEFAULT_RETAIN_S;
    if (c->retain_failed_s == 0)
        c->retain_failed_s = DEFAULT_RETAIN_S;
    if (c->takeovers_max == 0)
        c->takeovers_max = 2;
    if (c->lease_ms == 0)
        c->lease_ms = TIMING_LEASE;
    if (c->takeover_step_ms == 0)
        c->takeover_step_ms = TIMING_TAKEOVER_STEP;
    if (c->repair_after_ms == 0)
        c->repair_after_ms = TIMING_REPAIR;
    if (c->scrub_ms == 0)
        c->scrub_ms = TIMING_SCRUB;
}

struct mesh *mesh_new(const struct mesh_config *config)
{
    struct mesh *m = own_calloc(1, sizeof(*m));

    m->cfg = *config;
    config_defaults(&m->cfg);
    m->cluster = (uint32_t)hash64(m->cfg.cluster, strlen(m->cfg.cluster));
    rng_init(&m->rng, m->cfg.seed);
    effects_init(&m->fx);
    heap_init(&m->timers);
    heap_init(&m->kept);
    heap_init(&m->owed);
    m->jobs = map_new(rng_u64(&m->rng));
    m->reads = map_new(0); /* nobody else chooses their numbers */
    m->purged_keys = map_new(rng_u64(&m->rng));
    m->queue = queue_new(rng_u64(&m->rng));
    tally_init(m);
    lag_init(m);
    m->stored_last = &m->stored_first;
    m->slots = m->cfg.slots;
    m->seq = id_job_first(&m->cfg.nid);
    m->version = m->cfg.wire_version ? m->cfg.wire_version : FRAME_VERSION;
    m->store_max = m->cfg.store_max;
    peers_new(m);
    return m;
}

void mesh_free(struct mesh *m)
{
    if (!m)
        return;
    m->started = false;
    for (struct map_item *it = map_first(m->jobs); it; it = map_next(it))
        job_free(m, map_value(it));
    map_free(m->jobs);
    exec_done_all(m);
    forward_done(m);
    gather_done(m);
    store_done(m);
    stats_done(m);
    tally_done(m);
    lag_done(m);
    purge_done(m);
    session_done(m);
    peers_done(m);
    members_free(m->members);
    load_free(m->load);
    queue_free(m->queue);
    effects_done(&m->fx);
    heap_done(&m->timers);
    heap_done(&m->kept);
    heap_done(&m->owed);
    buf_done(&m->sink);
    ability_done(m);
    free(m);
}

/* ---- the store at the start ---- */

static void load_failed(struct mesh *m, const char *why)
{
    struct mesh_effect *e = effect_add(&m->fx, MESH_FX_FATAL, EFFECT_NOW);

    e->log.level = LOG_ERROR;
    (void)snprintf(e->log.text, sizeof(e->log.text), "%s", why);
    m->dead = true;
}

static void load_record(struct mesh *m, const struct id *jid, struct span bytes)
{
    struct wire_reader r;
    struct record rec;

    wire_reader_init(&r, bytes.data, bytes.len);
    if (record_decode(&r, &rec) != 0) {
        /* The seal is whole, so these are the bytes that were written: no damage, which might
         * be given up, but jobs that another program can read. */
        load_failed(m, "a record on this disk is of a version that this program cannot read; "
                       "start the one that wrote it");
        return;
    }
    if (!id_eq(&rec.jid, jid)) {
        record_done(&rec);
        damage_found(m, jid);
        return;
    }

    struct job *j = job_find(m, jid);

    if (!j)
        j = job_new(m, jid);
    j->worn = j->worn || j->damaged;
    j->damaged = false;
    record_done(&j->r);
    j->r = rec;
    j->synced_promised = rec.promised;
    j->synced_acc = rec.acc;
    j->synced_ver = rec.ver;
    j->synced_decided = rec.decided;
    if (rec.acc.epoch > 0 && rec.v.phase == RECORD_PENDING)
        j->spec_hash = rec.origin->spec_hash;
    if (rec.v.phase == RECORD_TERMINAL && rec.v.term.len > 0)
        j->result_hash = rec.v.term.hash;
    tally_set(m, j);
}

/* A record or a vow: they say the same. */
static void load_job(struct mesh *m, struct span key, bool bad, struct span bytes)
{
    struct id jid;

    memcpy(jid.b, key.data + 1, ID_SIZE);
    if (bad)
        damage_found(m, &jid);
    else
        load_record(m, &jid, bytes);

    struct job *j = job_find(m, &jid);
    if (j && key.data[0] == STORE_VOW)
        j->vow = true;
}

/* Without its counters this node would give job numbers twice: the second job of a number that
 * was purged would be taken for purged as well. */
static void own_lost(struct mesh *m)
{
    load_failed(m,
                "this node's own counters are unreadable; wipe the disk and start as a new node");
}

static void load_own(struct mesh *m, struct span key, struct span bytes)
{
    struct wire_reader r;

    if (span_eq(key, span_of("mlives"))) {
        if (life_load(m, bytes) != 0)
            own_lost(m);
        return;
    }
    wire_reader_init(&r, bytes.data, bytes.len);
    uint64_t v = wire_get_uint(&r, UINT64_MAX);
    if (wire_reader_end(&r) != 0)
        own_lost(m);
    else if (span_eq(key, span_of("mgen")))
        m->gen = v;
    else if (span_eq(key, span_of("mborn")))
        m->born_ms = (int64_t)v;
    else if (span_eq(key, span_of("mseq")))
        m->seq = m->seq_end = v;
}

static void on_load(struct mesh *m, const struct mesh_event *e)
{
    struct span key = e->load.key;
    struct span bytes = {0};
    int bad = store_unseal(e->load.value, &bytes);

    if (key.len == 0 || key.len > LIMIT_KEY)
        return;
    if ((key.data[0] == STORE_RECORD || key.data[0] == STORE_VOW) && key.len == 1 + ID_SIZE) {
        load_job(m, key, bad != 0, bytes);
    } else if (bad && key.data[0] == STORE_OWN) {
        own_lost(m);
    } else if (bad) {
        effect_log(&m->fx, LOG_ERROR, "a stored value of kind %c is unreadable", key.data[0]);
    } else if (key.data[0] == STORE_OWN) {
        load_own(m, key, bytes);
    } else if (key.data[0] == STORE_PURGED || key.data[0] == STORE_PURGED_KEY) {
        purge_load(m, key, bytes);
    } else if (key.data[0] == STORE_NODE) {
        peer_load(m, key, bytes);
    } else if (key.data[0] == STORE_SEEN) {
        life_remember_load(m, key, bytes);
    }
}

static void born(struct mesh *m)
{
    struct store_name name = store_name_bytes(STORE_OWN, "born", 4);
    struct buf b;

    if (!m->born_ms) {
        m->born_ms = m->now.wall_ms > 0 ? m->now.wall_ms : 1;
        buf_init(&b, LIMIT_KEY);
        wire_put_uint(&b, (uint64_t)m->born_ms);
        store_put(m, &name, buf_span(&b));
        buf_done(&b);
    }
    peers_set_meta(m);
}

static void on_start(struct mesh *m)
{
    m->started = true;
    life_begin(m);
    born(m);
    peers_start(m);
    for (struct map_item *it = map_first(m->jobs); it; it = map_next(it))
        repair_start(m, map_value(it));
    steal_start(m);
    reconfig_start(m);
    digest_start(m);
    scrub_start(m);
    effect_log(&m->fx, LOG_INFO, "%zu jobs on the disk", map_len(m->jobs));
}

/* ---- events ---- */

static void on_disk(struct mesh *m, const struct mesh_event *e)
{
    m->disk = e->disk.state;
    m->store_used = e->disk.used;
    m->store_max = e->disk.max;
}

static void on_synced(struct mesh *m, uint64_t batch)
{
    bool stored = life_stored(m);

    store_synced(m, batch);
    if (!stored && life_stored(m))
        session_greet(m);
}

static void event_take(struct mesh *m, const struct mesh_event *e)
{
    switch (e->type) {
    case MESH_EV_LOAD:
        on_load(m, e);
        break;
    case MESH_EV_START:
        on_start(m);
        break;
    case MESH_EV_RECV:
        dispatch(m, &e->recv.from, e->recv.frame);
        break;
    case MESH_EV_LINK_UP:
        session_on_up(m, e->link.link);
        break;
    case MESH_EV_LINK_DOWN:
        session_on_down(m, e->link.link);
        break;
    case MESH_EV_SYNCED:
        on_synced(m, e->synced.batch);
        break;
    case MESH_EV_READ:
        store_read_done(m, e);
        break;
    case MESH_EV_SEEDS:
        session_seeds(m, e->seeds.endpoints, e->seeds.n);
        break;
    case MESH_EV_CLIENT:
        client_on_frame(m, e->client.client, e->client.frame);
        break;
    case MESH_EV_CLIENT_GONE:
        client_gone(m, e->client.client);
        break;
    case MESH_EV_EXEC_STARTED:
    case MESH_EV_EXEC_EVENT:
    case MESH_EV_EXEC_DONE:
        exec_on_event(m, e);
        break;
    case MESH_EV_SLOTS:
        m->slots = e->slots.slots;
        peers_set_meta(m);
        break;
    case MESH_EV_DISK:
        on_disk(m, e);
        break;
    case MESH_EV_LANGUAGES:
        ability_told(m, e->languages.list);
        break;
    case MESH_EV_DRAIN:
        drain_begin(m, e->drain.deadline_ms);
        break;
    case MESH_EV_TIMER:
    case MESH_EV_N:
        break;
    }
}

static void timers_fire(struct mesh *m)
{
    for (uint32_t i = 0; i < TIMERS_PER_STEP && !m->dead; i++) {
        struct heap_node *n = heap_min(&m->timers);

        if (!n || n->key > m->now.mono_ns)
            break;

        struct timer *t = HEAP_OWNER(n, struct timer, node);
        timer_stop(m, t);
        t->fire(m, t);
    }
}

void mesh_step(struct mesh *m, const struct mesh_event *events, uint32_t n,
               const struct mesh_effect **ret_effects, uint32_t *ret_n)
{
    effects_begin(&m->fx);
    for (uint32_t i = 0; i < n && !m->dead; i++) {
        m->now = events[i].now;
        event_take(m, &events[i]);
        if (m->started)
            peers_outputs(m);
    }
    if (m->started && !m->dead) {
        timers_fire(m);
        members_tick(m->members, m->now.mono_ns);
        peers_outputs(m);
        exec_tick(m);
        if (!m->dead)
            sched_run(m);
    }
    if (!m->dead) {
        peers_remember(m);
        life_remember(m);
        store_flush(m);
        peers_flush(m);
    }
    job_bury(m);
    effects_end(&m->fx, ret_effects, ret_n);
}

bool mesh_draining(const struct mesh *m)
{
    return m->draining;
}

uint64_t mesh_deadline(const struct mesh *m)
{
    const struct heap_node *n = heap_min(&m->timers);
    uint64_t due = n ? n->key : STATE_NEVER;

    if (!m->started || m->dead)
        return STATE_NEVER;
    due = timer_min(due, members_deadline(m->members));
    due = timer_min(due, exec_deadline(m));
    return timer_min(due, queue_deadline(m->queue));
}

/* ---- for tests ---- */

uint64_t mesh_digest(const struct mesh *m)
{
    uint64_t parts[] = {map_len(m->jobs),
                        m->fx.batch,
                        m->fx.synced,
                        m->rng.s[0] ^ m->rng.s[1] ^ m->rng.s[2] ^ m->rng.s[3],
                        members_digest(m->members),
                        load_digest(m->load),
                        m->busy,
                        m->next_exec};
    uint64_t h = hash64(parts, sizeof(parts));

    for (struct map_item *it = map_first(m->jobs); it; it = map_next(it)) {
        const struct job *j = map_value(it);
        struct buf b;

        buf_init(&b, RECORD_MAX);
        record_encode(&j->r, &b);
        h = hash_sip(h, b.len, b.data, b.len);
        buf_done(&b);
    }
    return h;
}

/* Whatever is not over has a time at which it is looked at again, or waits for a place in the
 * queue, for its run or for this disk: nothing rests on a message that may be lost. */
static bool job_is_driven(const struct mesh *m, const struct job *j)
{
    bool synced = ballot_cmp(&j->synced_acc, &j->r.acc) == 0 && j->synced_ver == j->r.ver;

    return !m->started || heap_has(&j->timer.node) || (j->own && (j->own->acked || !synced));
}

static void job_check(const struct mesh *m, const struct job *j)
{
    assert(job_is_driven(m, j));
    if (!j->damaged)
        record_check(&j->r);
    assert(!j->own || !j->take);
    assert(!j->own || id_eq(&j->r.acc.nid, &m->cfg.nid));
    assert(!j->own || ballot_cmp(&j->r.promised, &j->r.acc) == 0);
    assert(!j->take || ballot_cmp(&j->r.promised, &j->take->ballot) == 0);
    assert(!j->own || queue_has(&j->own->item) == (j->own->stage == OWN_WAITING));
    assert(ballot_cmp(&j->synced_promised, &j->r.promised) <= 0);
}

void mesh_check(const struct mesh *m)
{
    uint32_t busy = 0;

    for (struct map_item *it = map_first(m->jobs); it; it = map_next(it))
        job_check(m, map_value(it));
    for (const struct run *run = m->runs; run; run = run->next)
        busy += run->stage != RUN_DONE ? 1 : 0;
    assert(busy == m->busy);
    tally_check(m);
    lag_check(m);
    queue_check(m->queue);
    members_check(m->members);
    load_check(m->load);
}
