/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works
 *
 *   STARTING --ready--> IDLE --slots_run()--> BUSY --outcome--> IDLE
 *       \                 \                    /
 *        +---- lost ------+------ lost -------+--> WAITING --timer--> STARTING
 *
 * A keeper is lost when it exits, closes its socket, sends nonsense, takes too long to get
 * ready, or does not answer a kill. It is killed then (its sandboxes die with it) and started
 * again after a pause that doubles up to half a minute.
 */
#include "node/slot.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/own.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>

enum {
    SLOT_READY_MS_MAX = 30000,
    SLOT_KILL_MS_MAX = 3000,
    SLOT_STOP_MS_MAX = 3000, /* all of them together */
    SLOT_PAUSE_MS_MIN = 100,
    SLOT_PAUSE_MS_MAX = 30000,
    SLOT_NEAR_MS = 1000, /* without a run, until the next may as well begin elsewhere */
    SLOT_ENV_MAX = 64,
};

enum slot_state { SLOT_WAITING, SLOT_STARTING, SLOT_IDLE, SLOT_BUSY };

struct slot {
    struct slots *pool;
    uint32_t number;
    enum slot_state state;
    struct loop_child *child;
    struct keeper *keeper;
    struct loop_watch *watch;
    struct loop_timer *timer; /* of WAITING, of STARTING, of a kill */
    uint32_t pause_ms;
    const struct slot_hooks *hooks;
    void *ctx;
};

struct slots {
    struct slots_config config;
    struct slot *at;
    struct loop_timer *rest; /* the daemon need not be near its keepers any more */
    uint64_t lost;
    bool informed;
    struct keeper_info info;
    char trouble[ERR_TEXT_MAX];
    char env_profiles[512];
};

static void slot_start(struct slot *slot);

/* A keeper that is well ends by itself then. */
static void slot_hang_up(struct slot *slot)
{
    loop_watch_free(STEAL(slot->watch));
    keeper_free(STEAL(slot->keeper));
}

static void slot_keeper_close(struct slot *slot)
{
    slot_hang_up(slot);
    if (slot->child)
        (void)loop_child_kill(slot->child, SIGKILL);
}

static void slot_lost(struct slot *slot, const char *why)
{
    struct slots *s = slot->pool;
    const struct slot_hooks *hooks = STEAL(slot->hooks);

    log_write(LOG_WARN, "a sandbox keeper is lost",
              LOG_FIELDS(LOG_INT("slot", slot->number), LOG_TEXT("reason", why)));
    if (slot->state == SLOT_STARTING)
        (void)snprintf(s->trouble, sizeof(s->trouble), "%s", why);
    s->lost++;
    slot_keeper_close(slot);
    slot->state = SLOT_WAITING;
    loop_timer_set(slot->timer, slot->pause_ms);
    slot->pause_ms =
        slot->pause_ms * 2 > SLOT_PAUSE_MS_MAX ? SLOT_PAUSE_MS_MAX : slot->pause_ms * 2;
    if (hooks)
        hooks->lost(slot->ctx, why);
    s->config.changed(s->config.ctx);
}

static void slot_exited(void *ctx, int64_t status, int signal)
{
    struct slot *slot = ctx;
    char why[64];

    loop_child_free(STEAL(slot->child));
    if (slot->state == SLOT_WAITING)
        return;
    (void)snprintf(why, sizeof(why), "it exited (status %d, signal %d)", (int)status, signal);
    slot_lost(slot, why);
}

static void slot_timed_out(void *ctx)
{
    struct slot *slot = ctx;

    if (slot->state == SLOT_WAITING)
        slot_start(slot);
    else
        slot_lost(slot, slot->state == SLOT_STARTING ? "it did not get ready in time"
                                                     : "it did not confirm a kill in time");
}

static void slot_ready(struct slot *slot, const struct keeper_info *info)
{
    struct slots *s = slot->pool;

    if (slot->state != SLOT_STARTING)
        return;
    loop_timer_stop(slot->timer);
    slot->state = SLOT_IDLE;
    if (!s->informed) {
        s->informed = true;
        s->info = *info;
    }
    s->config.changed(s->config.ctx);
}

static void slot_finished(struct slot *slot, struct step_outcome *outcome)
{
    const struct slot_hooks *hooks = STEAL(slot->hooks);
    const bool broken = outcome->end == STEP_END_BROKEN;
    char why[ERR_TEXT_MAX];

    (void)snprintf(why, sizeof(why), "%s", outcome->err_text);
    loop_timer_stop(slot->timer);
    loop_timer_set(slot->pool->rest, SLOT_NEAR_MS);
    slot->state = broken ? SLOT_BUSY : SLOT_IDLE;
    if (hooks)
        hooks->outcome(slot->ctx, outcome);
    step_outcome_done(outcome);
    /* One whose sandbox failed is not trusted with the next try. */
    if (broken) {
        slot_lost(slot, why);
        return;
    }
    slot->pause_ms = SLOT_PAUSE_MS_MIN;
    slot->pool->config.changed(slot->pool->config.ctx);
}

static void slot_began(struct slot *slot, int fd)
{
    auto_fd int terminal = fd;

    if (terminal >= 0 && slot->hooks && slot->hooks->terminal)
        slot->hooks->terminal(slot->ctx, &terminal);
    if (slot->hooks)
        slot->hooks->started(slot->ctx);
}

/* False once there is no more, or the keeper is not this one any more. */
static bool slot_news(struct slot *slot)
{
    struct keeper_news news = {0};
    struct err err = {0};

    if (keeper_read(slot->keeper, &news, &err) != 0) {
        slot_lost(slot, err.text);
        return false;
    }
    switch (news.what) {
    case KEEPER_NOTHING:
        return false;
    case KEEPER_READY:
        slot_ready(slot, &news.info);
        break;
    case KEEPER_STARTED:
        slot_began(slot, news.terminal);
        break;
    case KEEPER_PIECE:
        if (slot->hooks)
            slot->hooks->piece(slot->ctx, news.stream, news.piece);
        break;
    case KEEPER_OUTCOME:
        slot_finished(slot, &news.outcome);
        break;
    }
    return slot->keeper != NULL;
}

static void slot_readable(void *ctx, int events)
{
    struct slot *slot = ctx;

    (void)events;
    while (slot_news(slot))
        ;
}

/* Nothing of the daemon's own environment (which may hold secrets) reaches a keeper. */
static int slot_spawn(struct slot *slot, int fd, struct err *err)
{
    struct slots *s = slot->pool;
    char number[16];
    const char *const argv[] = {s->config.sandbox, "serve", NULL};
    char slot_env[32];
    const char *env[SLOT_ENV_MAX] = {"PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8",
                                     s->env_profiles, slot_env};
    struct loop_command c = {.argv = argv,
                             .env = env,
                             .fds = {-1, 2, 2, fd},
                             .n_fds = 4,
                             .exited = slot_exited,
                             .ctx = slot};
    extern char **environ;
    uint32_t n = 4;

    (void)snprintf(number, sizeof(number), "%u", slot->number);
    (void)snprintf(slot_env, sizeof(slot_env), "ARENA_SLOT=%s", number);
    for (char **e = environ; *e && n < SLOT_ENV_MAX - 1; e++) {
        if (strncmp(*e, "SANDBOX_", 8) == 0)
            env[n++] = *e;
    }
    keeper_let_go();
    slot->child = loop_child_new(s->config.loop, &c, err);
    return slot->child ? 0 : -err->code;
}

static void slot_start(struct slot *slot)
{
    struct err err = {0};
    auto_fd int theirs = -1;
    int fds[2] = {-1, -1};

    if (slot->child) { /* the one before is not gone yet */
        loop_timer_set(slot->timer, SLOT_PAUSE_MS_MIN);
        return;
    }
    slot->state = SLOT_STARTING;
    if (keeper_pair(fds, &err) != 0) {
        slot_lost(slot, err.text);
        return;
    }
    theirs = fds[1];
    slot->keeper = keeper_new(&fds[0]);
    if (slot_spawn(slot, theirs, &err) != 0) {
        slot_lost(slot, err.text);
        return;
    }
    slot->watch =
        loop_watch_new(slot->pool->config.loop, keeper_fd(slot->keeper), slot_readable, slot);
    loop_watch_set(slot->watch, LOOP_READ);
    loop_timer_set(slot->timer, SLOT_READY_MS_MAX);
}

static void slots_rest(void *ctx)
{
    (void)ctx;
    keeper_let_go();
}

struct slots *slots_new(const struct slots_config *config)
{
    struct slots *s = own_calloc(1, sizeof(*s));

    s->config = *config;
    (void)snprintf(s->env_profiles, sizeof(s->env_profiles), "ARENA_PROFILE_DIR=%s",
                   config->profile_dir);
    s->at = own_calloc(config->n, sizeof(*s->at));
    s->rest = loop_timer_new(config->loop, slots_rest, s);
    for (uint32_t i = 0; i < config->n; i++) {
        struct slot *slot = &s->at[i];

        slot->pool = s;
        slot->number = i;
        slot->pause_ms = SLOT_PAUSE_MS_MIN;
        slot->timer = loop_timer_new(config->loop, slot_timed_out, slot);
        slot_start(slot);
    }
    return s;
}

static void slot_end(struct slot *slot, uint64_t deadline_ns)
{
    const uint64_t now = clock_mono_ns();
    const uint64_t left = deadline_ns > now ? (deadline_ns - now) / 1000000 : 0;

    if (slot->child && !loop_child_wait(slot->child, left))
        (void)loop_child_kill(slot->child, SIGKILL);
    loop_child_free(slot->child);
    loop_timer_free(slot->timer);
}

void slots_free(struct slots *s)
{
    const uint64_t deadline_ns = clock_mono_ns() + SLOT_STOP_MS_MAX * 1000000ull;

    if (!s)
        return;
    for (uint32_t i = 0; i < s->config.n; i++)
        slot_hang_up(&s->at[i]);
    for (uint32_t i = 0; i < s->config.n; i++)
        slot_end(&s->at[i], deadline_ns);
    loop_timer_free(s->rest);
    free(s->at);
    free(s);
}

static uint32_t slots_count(const struct slots *s, enum slot_state least)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < s->config.n; i++)
        n += s->at[i].state >= least;
    return n;
}

uint32_t slots_ready(const struct slots *s)
{
    return slots_count(s, SLOT_IDLE);
}

uint32_t slots_busy(const struct slots *s)
{
    return slots_count(s, SLOT_BUSY);
}

uint64_t slots_lost(const struct slots *s)
{
    return s->lost;
}

const struct keeper_info *slots_info(const struct slots *s)
{
    return s->informed ? &s->info : NULL;
}

const char *slots_trouble(const struct slots *s)
{
    return s->trouble;
}

int slots_run(struct slots *s, const struct step *step, const struct slot_hooks *hooks, void *ctx,
              struct slot **ret_slot)
{
    struct err err = {0};
    int rc;

    for (uint32_t i = 0; i < s->config.n; i++) {
        struct slot *slot = &s->at[i];

        if (slot->state != SLOT_IDLE)
            continue;
        loop_timer_stop(s->rest);
        keeper_place(slot->keeper, (pid_t)loop_child_pid(slot->child), slots_busy(s) == 0);
        rc = keeper_send(slot->keeper, step, &err);
        if (rc == -E2BIG) /* for any keeper; this one is well */
            return rc;
        if (rc != 0) {
            slot_lost(slot, err.text);
            continue;
        }
        slot->state = SLOT_BUSY;
        slot->hooks = hooks;
        slot->ctx = ctx;
        *ret_slot = slot;
        return 0;
    }
    return -EAGAIN;
}

void slot_kill(struct slot *slot)
{
    if (slot->state != SLOT_BUSY)
        return;
    if (keeper_kill(slot->keeper) == 0)
        loop_timer_set(slot->timer, SLOT_KILL_MS_MAX);
    else
        slot_lost(slot, "it cannot be told to kill");
}

void slot_signal(struct slot *slot, int signal)
{
    if (slot->state == SLOT_BUSY && keeper_signal(slot->keeper, signal) != 0)
        slot_lost(slot, "it cannot be told to signal");
}
