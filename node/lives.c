/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works: a session is found by its client and its token. It is freed by the pump, never
 * inside a call of its own; there its slot is also given back to the jobs, once it has left it.
 */
#include "node/lives.h"

#include "base/map.h"
#include "base/own.h"
#include "sandbox/level.h"

#include <errno.h>
#include <stdio.h>

enum { LIVES_TICK_MS = 1000 };

struct lives_item {
    struct live *live;
    bool reserved; /* a slot */
};

struct lives {
    struct lives_config config;
    struct lives_hooks hooks;
    struct live_env env;
    struct map *all;
    struct loop_timer *pump, *tick;
    bool leaving;
};

struct lives_key {
    uint64_t client;
    uint64_t token;
};

static void lives_send(void *ctx, uint64_t client, struct span frame)
{
    struct lives *s = ctx;

    s->hooks.send(s->hooks.ctx, client, frame);
}

static void lives_stepped(void *ctx, const char *language, const char *phase,
                          const struct step_outcome *o)
{
    struct lives *s = ctx;

    s->hooks.stepped(s->hooks.ctx, language, phase, o);
}

static void lives_changed(void *ctx)
{
    struct lives *s = ctx;

    loop_timer_set(s->pump, 0);
}

static void lives_pump(void *ctx)
{
    struct lives *s = ctx;
    struct map_item *next;

    for (struct map_item *it = map_first(s->all); it; it = next) {
        struct lives_item *item = map_value(it);
        const struct lives_key key = {live_client(item->live), live_token(item->live)};

        next = map_next(it);
        if (item->reserved && !live_runs(item->live)) {
            item->reserved = false;
            runs_release(s->config.runs);
        }
        if (!live_over(item->live))
            continue;
        (void)map_del(s->all, &key, sizeof(key));
        live_free(item->live);
        free(item);
    }
}

static void lives_tick(void *ctx)
{
    struct lives *s = ctx;

    s->leaving = s->hooks.leaving(s->hooks.ctx);
    for (struct map_item *it = map_first(s->all); it; it = map_next(it)) {
        struct live *one = ((struct lives_item *)map_value(it))->live;

        if (s->leaving)
            live_end(one, MESSAGE_CLOSING_DRAINING);
        else
            live_tick(one);
    }
    loop_timer_set(s->tick, LIVES_TICK_MS);
}

struct lives *lives_new(const struct lives_config *config, const struct lives_hooks *hooks)
{
    struct lives *s = own_calloc(1, sizeof(*s));

    s->config = *config;
    s->hooks = *hooks;
    s->env = config->env;
    s->env.send = lives_send;
    s->env.stepped = lives_stepped;
    s->env.changed = lives_changed;
    s->env.ctx = s;
    s->all = map_new(config->seed);
    s->pump = loop_timer_new(config->env.loop, lives_pump, s);
    s->tick = loop_timer_new(config->env.loop, lives_tick, s);
    loop_timer_set(s->tick, LIVES_TICK_MS);
    return s;
}

void lives_free(struct lives *s)
{
    if (!s)
        return;
    for (struct map_item *it = map_first(s->all); it; it = map_next(it)) {
        struct lives_item *item = map_value(it);

        live_free(item->live);
        free(item);
    }
    map_free(s->all);
    loop_timer_free(s->pump);
    loop_timer_free(s->tick);
    free(s);
}

uint32_t lives_len(const struct lives *s)
{
    uint32_t n = 0;

    for (struct map_item *it = map_first(s->all); it; it = map_next(it))
        n += live_runs(((struct lives_item *)map_value(it))->live);
    return n;
}

/* --- opening ------------------------------------------------------------------------------- */

static void lives_refuse(struct lives *s, const struct lives_key *key, enum message_refusal why,
                         const char *text)
{
    struct message m = {.type = MESSAGE_REFUSED, .token = key->token};
    auto_buf struct buf frame;

    buf_init(&frame, LIMIT_FRAME_CONTROL);
    m.refused.why = why;
    (void)snprintf(m.refused.text, sizeof(m.refused.text), "%s", text);
    if (message_encode(&m, &frame) == 0)
        s->hooks.send(s->hooks.ctx, key->client, buf_span(&frame));
}

static uint32_t lives_of(const struct lives *s, const char *tenant)
{
    uint32_t n = 0;

    for (struct map_item *it = map_first(s->all); it; it = map_next(it)) {
        const struct live *one = ((struct lives_item *)map_value(it))->live;

        n += live_runs(one) && strcmp(live_tenant(one), tenant) == 0;
    }
    return n;
}

/* NULL: it may have a slot, and has reserved it. */
static const char *lives_admit(struct lives *s, const struct live *one)
{
    const char *tenant = live_tenant(one);

    if (lives_len(s) >= s->config.max)
        return "as many sessions as this node takes are open";
    if (tenant[0] && lives_of(s, tenant) >= s->config.tenant_max)
        return "this tenant has its share of this node's sessions";
    return runs_reserve(s->config.runs) ? NULL : "no slot is free";
}

/* A terminal is mounted for its session, which a sandbox without namespaces cannot do. */
static bool lives_lacks_terminals(const struct lives *s)
{
    const struct keeper_info *info = slots_info(s->env.slots);
    enum level level = LEVEL_NONE;

    return info && level_parse(info->level, &level) == 0 && level < LEVEL_NS_NOPROC;
}

static void lives_add(struct lives *s, const struct lives_key *key, struct live **one)
{
    struct lives_item *item = own_calloc(1, sizeof(*item));

    item->live = STEAL(*one);
    item->reserved = true;
    (void)map_set(s->all, key, sizeof(*key), item);
}

static void lives_open(struct lives *s, const struct lives_key *key, const struct message *m)
{
    struct err err = {0};
    const char *full;
    struct live *one = live_new(&s->env, key->client, m, &err);

    if (!one) {
        lives_refuse(s, key,
                     err.code == ENOENT ? MESSAGE_REFUSAL_NO_LANGUAGE : MESSAGE_REFUSAL_BAD_REQUEST,
                     err.text);
        return;
    }
    full = m->session.tty && lives_lacks_terminals(s) ? "this node has no terminals to give"
                                                      : lives_admit(s, one);
    if (full) {
        lives_refuse(s, key, MESSAGE_REFUSAL_NO_SLOT, full);
    } else if (live_start(one, &err) != 0) {
        runs_release(s->config.runs);
        lives_refuse(s, key, MESSAGE_REFUSAL_NO_SLOT, err.text[0] ? err.text : "no slot is free");
    } else {
        lives_add(s, key, &one);
    }
    live_free(one);
}

void lives_frame(struct lives *s, uint64_t client, struct span frame)
{
    struct lives_key key = {.client = client};
    struct lives_item *item;
    struct message m;

    if (message_decode(frame, &m, NULL) != 0)
        return;
    key.token = m.token;
    item = map_get(s->all, &key, sizeof(key));
    if (item)
        live_message(item->live, &m);
    else if (m.type == MESSAGE_SESSION_OPEN && s->leaving)
        lives_refuse(s, &key, MESSAGE_REFUSAL_DRAINING, "");
    else if (m.type == MESSAGE_SESSION_OPEN)
        lives_open(s, &key, &m);
    message_done(&m);
}

void lives_gone(struct lives *s, uint64_t client)
{
    for (struct map_item *it = map_first(s->all); it; it = map_next(it)) {
        struct live *one = ((struct lives_item *)map_value(it))->live;

        if (live_client(one) == client)
            live_end(one, MESSAGE_CLOSING_LOST);
    }
}
