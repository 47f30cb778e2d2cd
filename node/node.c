/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works
 *
 *   node_new: disk (locked), profiles, keepers started
 *   first keeper READY -> its isolation level is enough? -> actor (mesh, sockets, writer), seeds,
 *                         languages asked -> LANGUAGES; self-test passed -> SLOTS
 *   outbox: EXEC, KILL -> runs -> slots; what they answer -> inbox
 *   SIGTERM -> DRAIN -> DRAINED -> the loop stops; a second SIGTERM stops it at once
 */
#include "node/node.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/own.h"
#include "node/actor.h"
#include "node/languages.h"
#include "node/link.h"
#include "node/lives.h"
#include "node/loop.h"
#include "node/metrics.h"
#include "node/probe.h"
#include "node/proof.h"
#include "node/runs.h"
#include "node/seeds.h"
#include "node/settings.h"
#include "sandbox/level.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>

enum {
    NODE_START_MS_MAX = 60000, /* for a keeper to get ready */
    NODE_DRAIN_SPARE_MS = 20000,
    NODE_BEAT_NS_MAX = 1000000000, /* times 10 */
    NODE_PATH_MAX = 4096,
    NODE_LANGUAGES_MAX = 64,
};

struct node {
    struct config *config;
    const char *file;
    char sandbox[NODE_PATH_MAX];
    struct actor_config actor_config;
    struct loop *loop;
    struct disk *disk;
    struct profile_set *profiles;
    struct slots *slots;
    struct languages *languages;
    struct runs *runs;
    struct lives *lives;
    struct metrics *metrics;
    struct mailbox *inbox;
    struct mailbox *outbox;
    struct loop_watch *outbox_watch;
    struct actor *actor; /* NULL until a keeper is ready */
    struct seeds *seeds;
    struct probe *probe;
    struct proof *proof;         /* NULL: not asked for */
    struct loop_timer *deadline; /* of the start, then of the drain */
    bool draining;
    int status;
};

static void node_stop(struct node *n, int status)
{
    n->status = status;
    loop_stop(n->loop);
}

static void node_fail(struct node *n, const char *what, const char *why)
{
    log_write(LOG_ERROR, what, LOG_FIELDS(LOG_TEXT("reason", why)));
    node_stop(n, 1);
}

/* --- to the actor -------------------------------------------------------------------------- */

static void node_exec_letter(struct node *n, enum mesh_event_type type, uint64_t exec,
                             enum mesh_outcome outcome, struct span bytes)
{
    struct letter *l = letter_event(type);

    l->event.exec.exec = exec;
    l->event.exec.outcome = outcome;
    letter_attach(l, bytes, &l->event.exec.bytes);
    mailbox_put(n->inbox, l);
}

static void node_exec_started(void *ctx, uint64_t exec)
{
    node_exec_letter(ctx, MESH_EV_EXEC_STARTED, exec, MESH_OUTCOME_RESULT, (struct span){NULL, 0});
}

static void node_exec_event(void *ctx, uint64_t exec, struct span bytes)
{
    node_exec_letter(ctx, MESH_EV_EXEC_EVENT, exec, MESH_OUTCOME_RESULT, bytes);
}

static void node_exec_done(void *ctx, uint64_t exec, enum mesh_outcome outcome, struct span bytes)
{
    node_exec_letter(ctx, MESH_EV_EXEC_DONE, exec, outcome, bytes);
}

static void node_offer(void *ctx, uint32_t slots)
{
    struct node *n = ctx;
    struct letter *l = letter_event(MESH_EV_SLOTS);

    l->event.slots.slots = slots;
    mailbox_put(n->inbox, l);
}

static void node_languages_known(void *ctx)
{
    struct node *n = ctx;
    struct letter *l = letter_event(MESH_EV_LANGUAGES);
    auto_buf struct buf list;

    buf_init(&list, LIMIT_FRAME_CONTROL);
    if (languages_encode(n->languages, &list) != 0) {
        letter_free(l);
        node_fail(n, "the list of languages is too long", "");
        return;
    }
    letter_attach(l, buf_span(&list), &l->event.languages.list);
    mailbox_put(n->inbox, l);
    log_plain(LOG_INFO, "languages known");
}

static void node_seeds_found(void *ctx, const char *const *endpoints, uint32_t n_endpoints)
{
    struct node *n = ctx;
    struct letter *l = letter_event(MESH_EV_SEEDS);
    const size_t table = n_endpoints * sizeof(char *);
    char *room = own_calloc(n_endpoints, sizeof(char *) + LIMIT_ENDPOINT + 1);
    const char **at = (const char **)(void *)room;

    for (uint32_t i = 0; i < n_endpoints; i++) {
        char *text = room + table + (size_t)i * (LIMIT_ENDPOINT + 1);

        (void)snprintf(text, LIMIT_ENDPOINT + 1, "%s", endpoints[i]);
        at[i] = text;
    }
    l->owned = room;
    l->event.seeds.endpoints = at;
    l->event.seeds.n = n_endpoints;
    mailbox_put(n->inbox, l);
}

static void node_to_client(void *ctx, uint64_t client, struct span frame)
{
    struct node *n = ctx;
    struct letter *l = letter_event(MESH_EV_N);

    l->effect.type = MESH_FX_CLIENT;
    l->effect.client.client = client;
    letter_attach(l, frame, &l->effect.client.frame);
    mailbox_put(n->inbox, l);
}

/* --- from the actor ------------------------------------------------------------------------ */

static void node_carry_out(struct node *n, const struct letter *l)
{
    switch (l->effect.type) {
    case MESH_FX_EXEC:
        runs_exec(n->runs, l->effect.exec.exec, l->effect.exec.spec);
        break;
    case MESH_FX_KILL:
        runs_kill(n->runs, l->effect.exec.exec);
        break;
    case MESH_FX_DRAINED:
        log_plain(LOG_INFO, "drained; going down");
        node_stop(n, 0);
        break;
    case MESH_FX_N:
        if (l->event.type == MESH_EV_CLIENT)
            lives_frame(n->lives, l->event.client.client, l->event.client.frame);
        else
            lives_gone(n->lives, l->event.client.client);
        break;
    default:
        break;
    }
}

static void node_outbox(void *ctx, int events)
{
    struct node *n = ctx;
    struct letter *next;

    (void)events;
    for (struct letter *l = mailbox_take(n->outbox); l; l = next) {
        next = l->next;
        node_carry_out(n, l);
        letter_free(l);
    }
}

/* --- figures ------------------------------------------------------------------------------- */

static const char *node_version(void *ctx, const char *language)
{
    const struct node *n = ctx;

    return languages_version(n->languages, language);
}

static void node_stepped(void *ctx, const char *language, const char *phase,
                         const struct step_outcome *o)
{
    struct node *n = ctx;

    metrics_step(n->metrics, language, phase, o);
}

static void node_finished(void *ctx, const char *language, const char *verdict)
{
    struct node *n = ctx;

    metrics_job(n->metrics, language, verdict);
}

static int node_metrics(struct node *n, struct buf *body)
{
    const struct keeper_info *info = slots_info(n->slots);
    struct metrics_now now = {.isolation = info ? info->level : "none",
                              .slots = slots_ready(n->slots),
                              .slots_busy = slots_busy(n->slots),
                              .sessions = lives_len(n->lives),
                              .keepers_lost = slots_lost(n->slots),
                              .secured = link_secured()};

    if (!config_bool(n->config, "METRICS_ENABLED"))
        return 404;
    if (n->actor) {
        actor_stats(n->actor, &now.mesh);
        actor_meters(n->actor, &now.meters, &now.lags);
        actor_writer_stats(n->actor, &now.disk);
        now.frames_dropped = actor_dropped(n->actor);
    }
    metrics_write(n->metrics, &now, body);
    return 200;
}

static bool node_leaving(void *ctx)
{
    const struct node *n = ctx;

    return n->draining || (n->actor && actor_draining(n->actor));
}

/* NULL: ready. */
static const char *node_not_ready(struct node *n)
{
    struct message_stats s;

    if (!n->actor)
        return "starting";
    if (node_leaving(n))
        return "draining";
    if (!languages_known(n->languages))
        return "asking the languages for their versions";
    if (slots_ready(n->slots) == 0)
        return "no sandbox is ready";
    if (n->proof && !proof_passed(n->proof))
        return proof_trouble(n->proof)[0] ? proof_trouble(n->proof) : "proving the sandbox";
    actor_stats(n->actor, &s);
    if (n->actor_config.mesh.nodes_expected > 1 && s.nodes_known < 2)
        return "no peer was found yet";
    return NULL;
}

static int node_say(struct buf *body, const char *trouble)
{
    (void)buf_printf(body, "%s\n", trouble ? trouble : "ok");
    return trouble ? 503 : 200;
}

static int node_answer(void *ctx, const char *path, struct buf *body)
{
    struct node *n = ctx;
    const uint64_t beat = n->actor ? actor_beat_ns(n->actor) : 0;

    if (strcmp(path, "/metrics") == 0)
        return node_metrics(n, body);
    if (strcmp(path, "/livez") == 0)
        return node_say(body, beat && clock_mono_ns() - beat > 10ull * NODE_BEAT_NS_MAX
                                  ? "the mesh thread stands still"
                                  : NULL);
    if (strcmp(path, "/startupz") == 0)
        return node_say(body, n->actor ? NULL : "starting");
    if (strcmp(path, "/readyz") == 0)
        return node_say(body, node_not_ready(n));
    return 404;
}

/* --- start --------------------------------------------------------------------------------- */

static int node_check_isolation(struct node *n, const struct keeper_info *info, struct err *err)
{
    const char *least = config_text(n->config, "ARENA_ISOLATION_MIN");
    enum level given = LEVEL_NONE, asked = LEVEL_FULL;

    (void)level_parse(info->level, &given);
    (void)level_parse(least, &asked); /* settings.c has looked at it */
    log_write(LOG_INFO, "sandboxes are ready",
              LOG_FIELDS(LOG_TEXT("isolation", info->level), LOG_TEXT("lacks", info->lacks)));
    if (given >= asked)
        return 0;
    return err_set(err, EPERM,
                   "ARENA_ISOLATION_MIN is %s, this machine gives %s (it lacks: %.150s)", least,
                   info->level, info->lacks);
}

static int node_identify(struct node *n, const struct keeper_info *info, struct err *err)
{
    struct mesh_config *m = &n->actor_config.mesh;
    struct disk_identity id = {0};
    int rc = disk_identify(n->disk, m->cluster, &id, err);

    if (rc != 0)
        return rc;
    m->nid = id.nid;
    m->boot = id.boot;
    m->seed = id.secret;
    m->slots = 0; /* they are offered once the sandbox has proved itself */
    (void)snprintf(m->isolation, sizeof(m->isolation), "%s", info->level);
    return 0;
}

static int node_join(struct node *n, const struct keeper_info *info, struct err *err)
{
    const struct mesh_config *m = &n->actor_config.mesh;
    char nid[ID_TEXT_SIZE];
    int rc = node_check_isolation(n, info, err);

    if (rc == 0)
        rc = node_identify(n, info, err);
    if (rc != 0)
        return rc;
    n->actor = actor_new(&n->actor_config, n->disk, n->inbox, n->outbox, err);
    if (!n->actor)
        return -err->code;
    n->seeds = seeds_new(n->loop, config_text(n->config, "ARENA_SEEDS"), node_seeds_found, n, err);
    if (!n->seeds)
        return -err->code;
    loop_timer_stop(n->deadline);
    log_write(LOG_INFO, "up",
              LOG_FIELDS(LOG_TEXT("name", m->name), LOG_TEXT("nid", id_format(&m->nid, nid)),
                         LOG_INT("boot", m->boot), LOG_TEXT("peers", m->endpoint),
                         LOG_TEXT("clients", m->client_endpoint),
                         LOG_INT("metrics_port", probe_port(n->probe))));
    return 0;
}

static void node_slots_changed(void *ctx)
{
    struct node *n = ctx;
    const struct keeper_info *info = n->slots ? slots_info(n->slots) : NULL;
    struct err err = {0};

    if (!info)
        return;
    if (!n->actor && node_join(n, info, &err) != 0) {
        node_fail(n, "cannot start", err.text);
        return;
    }
    languages_wake(n->languages);
    runs_wake(n->runs);
}

static void node_proved(void *ctx, bool passed, const char *what)
{
    struct node *n = ctx;

    if (!passed) {
        log_write(LOG_ERROR, "the sandbox failed its self-test; no program runs here",
                  LOG_FIELDS(LOG_TEXT("what", what)));
        return;
    }
    log_plain(LOG_INFO, "the sandbox passed its self-test");
    runs_open(n->runs);
}

static void node_late(void *ctx)
{
    struct node *n = ctx;

    if (n->actor) {
        log_plain(LOG_WARN, "the drain took too long; going down");
        node_stop(n, 0);
        return;
    }
    node_fail(n, "no sandbox keeper got ready", slots_trouble(n->slots));
}

/* --- signals ------------------------------------------------------------------------------- */

static void node_terminate(void *ctx)
{
    struct node *n = ctx;
    const uint64_t ms = config_uint(n->config, "ARENA_DRAIN_TIME");
    struct letter *l;

    if (n->draining || !n->actor) {
        node_stop(n, 0);
        return;
    }
    log_plain(LOG_INFO, "draining");
    n->draining = true;
    l = letter_event(MESH_EV_DRAIN);
    l->event.drain.deadline_ms = (uint32_t)ms;
    mailbox_put(n->inbox, l);
    loop_timer_set(n->deadline, ms + NODE_DRAIN_SPARE_MS);
}

static void node_log_level(const struct config *c)
{
    enum log_level level;

    if (log_level_parse(config_text(c, "LOG_LEVEL"), &level) == 0)
        log_level_set(level);
}

static void node_reload(void *ctx)
{
    struct node *n = ctx;
    struct err err = {0};
    struct config *fresh = settings_load(n->file, &err);
    const char *kept = NULL;
    unsigned changed;

    if (!fresh) {
        log_write(LOG_ERROR, "the configuration was not reloaded",
                  LOG_FIELDS(LOG_TEXT("error", err.text)));
        return;
    }
    changed = config_reload(n->config, fresh, &kept);
    config_free(fresh);
    node_log_level(n->config);
    log_write(LOG_INFO, "the configuration was reloaded",
              LOG_FIELDS(LOG_INT("changed", changed), LOG_TEXT("needs_restart", kept ? kept : "")));
}

/* --- life ---------------------------------------------------------------------------------- */

static int node_open(struct node *n, struct err *err)
{
    struct probe_config probe = {.answer = node_answer, .ctx = n};
    int rc = settings_actor(n->config, &n->actor_config, err);

    if (rc == 0)
        rc = settings_sandbox(n->config, n->sandbox, sizeof(n->sandbox), err);
    if (rc != 0)
        return rc;
    n->profiles = profile_set_load(config_text(n->config, "ARENA_PROFILE_DIR"), err);
    if (!n->profiles)
        return err_wrap(err, "ARENA_PROFILE_DIR");
    rc = link_init(config_text(n->config, "ARENA_KEY_FILE"), err);
    if (rc == 0)
        rc = link_selftest(err);
    if (rc == 0)
        rc = disk_open(config_text(n->config, "ARENA_DATA_DIR"),
                       config_uint(n->config, "ARENA_STORE_MAX"), &n->disk, err);
    if (rc != 0)
        return rc;
    if (!link_secured())
        log_plain(LOG_WARN, "ARENA_KEY_FILE is not set: links are in the clear, and open to all");
    probe.loop = n->loop;
    probe.address = config_text(n->config, "ARENA_BIND");
    probe.port = (uint16_t)config_uint(n->config, "ARENA_METRICS_PORT");
    n->probe = probe_new(&probe, err);
    return n->probe ? 0 : -err->code;
}

static void node_figures(struct node *n)
{
    const char *names[NODE_LANGUAGES_MAX];
    uint32_t len = profile_set_len(n->profiles);

    if (len > NODE_LANGUAGES_MAX)
        len = NODE_LANGUAGES_MAX;
    for (uint32_t i = 0; i < len; i++)
        names[i] = profile_name(profile_set_at(n->profiles, i));
    n->metrics = metrics_new(names, len);
}

static void node_lives(struct node *n)
{
    const struct lives_hooks hooks = {
        .send = node_to_client, .stepped = node_stepped, .leaving = node_leaving, .ctx = n};
    struct lives_config c = {.env = {.loop = n->loop,
                                     .slots = n->slots,
                                     .profiles = n->profiles,
                                     .node = n->actor_config.mesh.name},
                             .runs = n->runs,
                             .seed = clock_mono_ns()};

    settings_lives(n->config, &c);
    n->lives = lives_new(&c, &hooks);
}

static void node_start(struct node *n)
{
    const struct slots_config slots = {.loop = n->loop,
                                       .n = (uint32_t)config_uint(n->config, "WORKER_CONCURRENCY"),
                                       .sandbox = n->sandbox,
                                       .profile_dir = config_text(n->config, "ARENA_PROFILE_DIR"),
                                       .changed = node_slots_changed,
                                       .ctx = n};
    struct runs_config runs = {.loop = n->loop,
                               .profiles = n->profiles,
                               .policy = settings_policy(n->config),
                               .node = n->actor_config.mesh.name};
    const struct runs_hooks hooks = {.started = node_exec_started,
                                     .event = node_exec_event,
                                     .done = node_exec_done,
                                     .offer = node_offer,
                                     .version = node_version,
                                     .stepped = node_stepped,
                                     .finished = node_finished,
                                     .ctx = n};

    node_figures(n);
    n->outbox_watch = loop_watch_new(n->loop, mailbox_fd(n->outbox), node_outbox, n);
    loop_watch_set(n->outbox_watch, LOOP_READ);
    n->slots = slots_new(&slots);
    runs.slots = n->slots;
    n->runs = runs_new(&runs, &hooks);
    node_lives(n);
    if (config_bool(n->config, "ARENA_SELFTEST"))
        n->proof = proof_new(n->loop, n->sandbox, config_text(n->config, "ARENA_PROFILE_DIR"),
                             node_proved, n);
    else
        runs_open(n->runs);
    n->languages = languages_new(n->slots, n->profiles, node_languages_known, n);
    loop_signal(n->loop, SIGTERM, node_terminate, n);
    loop_signal(n->loop, SIGINT, node_terminate, n);
    loop_signal(n->loop, SIGHUP, node_reload, n);
    loop_timer_set(n->deadline, NODE_START_MS_MAX);
}

struct node *node_new(struct config *config, const char *file, struct err *err)
{
    struct node *n = own_calloc(1, sizeof(*n));

    n->config = config;
    n->file = file;
    node_log_level(config);
    n->loop = loop_new();
    n->inbox = mailbox_new();
    n->outbox = mailbox_new();
    n->deadline = loop_timer_new(n->loop, node_late, n);
    if (node_open(n, err) != 0) {
        node_free(n);
        return NULL;
    }
    node_start(n);
    return n;
}

int node_run(struct node *n)
{
    loop_run(n->loop);
    return n->status;
}

void node_free(struct node *n)
{
    if (!n)
        return;
    runs_free(n->runs);
    slots_free(n->slots);
    lives_free(n->lives);
    languages_free(n->languages);
    actor_free(n->actor);
    seeds_free(n->seeds);
    probe_free(n->probe);
    proof_free(n->proof);
    loop_watch_free(n->outbox_watch);
    loop_timer_free(n->deadline);
    loop_free(n->loop);
    disk_free(n->disk);
    profile_set_free(n->profiles);
    metrics_free(n->metrics);
    mailbox_free(n->inbox);
    mailbox_free(n->outbox);
    link_done();
    free(n);
}
