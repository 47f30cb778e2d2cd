/* SPDX-License-Identifier: MPL-2.0 */
#include "node/languages.h"

#include "base/log.h"
#include "base/own.h"
#include "mesh/message.h"

#include <errno.h>
#include <stdio.h>

enum { LANGUAGE_TRIES = 3 };

enum language_state { LANGUAGE_TO_ASK, LANGUAGE_ASKED, LANGUAGE_KNOWN, LANGUAGE_BAD };

struct language {
    struct languages *all;
    const struct profile *profile;
    enum language_state state;
    unsigned tries;
    struct slot *slot;
    char version[LIMIT_NAME + 1];
};

struct languages {
    struct slots *slots;
    void (*done)(void *ctx);
    void *ctx;
    uint32_t n;
    struct language *each;
    bool told;
};

static void language_bad(struct language *l, const char *why)
{
    l->state = LANGUAGE_BAD;
    log_write(LOG_WARN, "a language is not available",
              LOG_FIELDS(LOG_TEXT("language", profile_name(l->profile)), LOG_TEXT("reason", why)));
}

static void languages_settle(struct languages *all)
{
    if (all->told || !languages_known(all))
        return;
    all->told = true;
    all->done(all->ctx);
}

static void language_again(struct language *l, const char *why)
{
    l->state = LANGUAGE_TO_ASK;
    if (++l->tries >= LANGUAGE_TRIES)
        language_bad(l, why);
}

static void language_said(struct language *l, const struct step_outcome *o)
{
    char why[LIMIT_TEXT + 64];

    if (profile_version(l->profile, o->out, l->version, sizeof(l->version)) == 0 ||
        profile_version(l->profile, o->err, l->version, sizeof(l->version)) == 0) {
        l->state = LANGUAGE_KNOWN;
        return;
    }
    (void)snprintf(why, sizeof(why), "its version was not understood: %.100s",
                   o->out.len ? (const char *)o->out.data : "no output");
    language_bad(l, why);
}

static void language_outcome(void *ctx, struct step_outcome *o)
{
    struct language *l = ctx;
    char why[2 * LIMIT_TEXT];

    if (o->end == STEP_END_EXITED && o->exit_code == 0) {
        language_said(l, o);
    } else {
        (void)snprintf(why, sizeof(why), "asked for its version: %s, status %d, %.200s%.200s%.*s",
                       step_end_name(o->end), o->exit_code, o->detail, o->err_text,
                       (int)(o->err.len < 200 ? o->err.len : 200), (const char *)o->err.data);
        language_again(l, why);
    }
    languages_settle(l->all);
}

static void language_lost(void *ctx, const char *why)
{
    struct language *l = ctx;

    language_again(l, why);
    languages_settle(l->all);
}

static void language_started(void *ctx)
{
    (void)ctx;
}

static void language_piece(void *ctx, uint8_t stream, struct span piece)
{
    (void)ctx;
    (void)stream;
    (void)piece;
}

static const struct slot_hooks language_hooks = {
    .started = language_started,
    .piece = language_piece,
    .outcome = language_outcome,
    .lost = language_lost,
};

/* False: no slot is idle. */
static bool language_ask(struct language *l)
{
    struct err err = {0};
    struct step step;
    int rc = profile_step(l->profile, "version", NULL, &step, &err);

    if (rc != 0) {
        language_bad(l, err.text);
        return true;
    }
    rc = slots_run(l->all->slots, &step, &language_hooks, l, &l->slot);
    profile_step_done(&step);
    if (rc == 0)
        l->state = LANGUAGE_ASKED;
    else if (rc != -EAGAIN)
        language_bad(l, "the step that asks for its version is over its limits");
    return rc != -EAGAIN;
}

struct languages *languages_new(struct slots *slots, const struct profile_set *profiles,
                                void (*done)(void *ctx), void *ctx)
{
    struct languages *all = own_calloc(1, sizeof(*all));

    all->slots = slots;
    all->done = done;
    all->ctx = ctx;
    all->n = profile_set_len(profiles);
    all->each = own_calloc(all->n, sizeof(*all->each));
    for (uint32_t i = 0; i < all->n; i++) {
        struct language *l = &all->each[i];
        char why[LIMIT_TEXT];

        l->all = all;
        l->profile = profile_set_at(profiles, i);
        if (!profile_missing(l->profile)[0])
            continue;
        (void)snprintf(why, sizeof(why), "%.400s is not here", profile_missing(l->profile));
        language_bad(l, why);
    }
    return all;
}

void languages_free(struct languages *l)
{
    if (!l)
        return;
    free(l->each);
    free(l);
}

void languages_wake(struct languages *l)
{
    for (uint32_t i = 0; i < l->n; i++) {
        if (l->each[i].state == LANGUAGE_TO_ASK && !language_ask(&l->each[i]))
            break;
    }
    languages_settle(l);
}

bool languages_known(const struct languages *l)
{
    for (uint32_t i = 0; i < l->n; i++) {
        if (l->each[i].state < LANGUAGE_KNOWN)
            return false;
    }
    return true;
}

const char *languages_version(const struct languages *l, const char *name)
{
    for (uint32_t i = 0; i < l->n; i++) {
        if (strcmp(profile_name(l->each[i].profile), name) == 0)
            return l->each[i].version;
    }
    return "";
}

int languages_encode(const struct languages *l, struct buf *out)
{
    auto_free struct message_language *known = own_calloc(l->n, sizeof(*known));
    struct message m = {.type = MESSAGE_LANGUAGES_REPLY};

    for (uint32_t i = 0; i < l->n; i++) {
        struct message_language *to = &known[m.languages.n];

        if (l->each[i].state != LANGUAGE_KNOWN)
            continue;
        (void)snprintf(to->name, sizeof(to->name), "%s", profile_name(l->each[i].profile));
        (void)snprintf(to->version, sizeof(to->version), "%s", l->each[i].version);
        to->profile = profile_json(l->each[i].profile);
        m.languages.n++;
    }
    m.languages.all = known;
    return message_encode(&m, out);
}
