/* SPDX-License-Identifier: MPL-2.0 */
#include "node/runs.h"

#include "base/own.h"

struct runs_item {
    struct runs_item *next;
    struct run *run;
};

struct runs {
    struct runs_config config;
    struct runs_hooks hooks;
    struct run_env env;
    struct runs_item *first; /* oldest first */
    struct runs_item **last;
    uint32_t len;
    uint32_t offered;
    uint32_t reserved;
    bool open;
    struct loop_timer *pump;
};

static void runs_started(void *ctx, uint64_t exec)
{
    struct runs *s = ctx;

    s->hooks.started(s->hooks.ctx, exec);
}

static void runs_event(void *ctx, uint64_t exec, struct span bytes)
{
    struct runs *s = ctx;

    s->hooks.event(s->hooks.ctx, exec, bytes);
}

static const char *runs_version(void *ctx, const char *language)
{
    struct runs *s = ctx;

    return s->hooks.version(s->hooks.ctx, language);
}

static void runs_stepped(void *ctx, const char *language, const char *phase,
                         const struct step_outcome *o)
{
    struct runs *s = ctx;

    s->hooks.stepped(s->hooks.ctx, language, phase, o);
}

/* Never at once: whoever calls this is in the middle of a run that the pump may free. */
void runs_wake(struct runs *s)
{
    loop_timer_set(s->pump, 0);
}

static void runs_changed(void *ctx)
{
    runs_wake(ctx);
}

static struct run *runs_next(const struct runs *s)
{
    struct run *least = NULL;

    for (struct runs_item *i = s->first; i; i = i->next) {
        if (run_wants(i->run) && (!least || run_active(i->run) < run_active(least)))
            least = i->run;
    }
    return least;
}

static void runs_finish(struct runs *s, struct run *r)
{
    auto_buf struct buf bytes;
    enum mesh_outcome outcome;

    buf_init(&bytes, LIMIT_RESULT);
    outcome = run_outcome(r, &bytes);
    s->hooks.finished(s->hooks.ctx, run_language(r),
                      outcome == MESH_OUTCOME_RESULT   ? result_verdict_name(run_verdict(r))
                      : outcome == MESH_OUTCOME_KILLED ? "cancelled"
                                                       : "internal_error");
    s->hooks.done(s->hooks.ctx, run_exec(r), outcome, buf_span(&bytes));
}

static void runs_sweep(struct runs *s)
{
    struct runs_item **at = &s->first;

    while (*at) {
        struct runs_item *i = *at;

        if (!run_finished(i->run)) {
            at = &i->next;
            continue;
        }
        *at = i->next;
        s->len--;
        runs_finish(s, i->run);
        run_free(i->run);
        free(i);
    }
    s->last = at;
}

static void runs_offer(struct runs *s)
{
    uint32_t extra = 0;
    uint32_t ready = slots_ready(s->config.slots);

    for (struct runs_item *i = s->first; i; i = i->next)
        extra += run_active(i->run) > 1 ? run_active(i->run) - 1 : 0;
    extra += s->reserved;
    ready -= extra < ready ? extra : ready;
    if (!s->open)
        ready = 0;
    if (ready == s->offered)
        return;
    s->offered = ready;
    s->hooks.offer(s->hooks.ctx, ready);
}

static void runs_pump(void *ctx)
{
    struct runs *s = ctx;
    struct run *r;

    while ((r = runs_next(s)) && run_start(r) == 0)
        ;
    runs_sweep(s);
    runs_offer(s);
}

void runs_open(struct runs *s)
{
    s->open = true;
    runs_wake(s);
}

struct runs *runs_new(const struct runs_config *config, const struct runs_hooks *hooks)
{
    struct runs *s = own_calloc(1, sizeof(*s));

    s->config = *config;
    s->hooks = *hooks;
    s->last = &s->first;
    s->env = (struct run_env){
        .loop = config->loop,
        .slots = config->slots,
        .profiles = config->profiles,
        .policy = config->policy,
        .node = config->node,
        .version = runs_version,
        .started = runs_started,
        .event = runs_event,
        .stepped = runs_stepped,
        .changed = runs_changed,
        .ctx = s,
    };
    s->pump = loop_timer_new(config->loop, runs_pump, s);
    return s;
}

void runs_free(struct runs *s)
{
    struct runs_item *next;

    if (!s)
        return;
    for (struct runs_item *i = s->first; i; i = next) {
        next = i->next;
        run_free(i->run);
        free(i);
    }
    loop_timer_free(s->pump);
    free(s);
}

void runs_exec(struct runs *s, uint64_t exec, struct span spec)
{
    struct runs_item *i = own_calloc(1, sizeof(*i));

    i->run = run_new(&s->env, exec, spec);
    *s->last = i;
    s->last = &i->next;
    s->len++;
    runs_wake(s);
}

void runs_kill(struct runs *s, uint64_t exec)
{
    for (struct runs_item *i = s->first; i; i = i->next) {
        if (run_exec(i->run) == exec) {
            run_kill(i->run);
            runs_wake(s);
            return;
        }
    }
    s->hooks.done(s->hooks.ctx, exec, MESH_OUTCOME_KILLED, (struct span){NULL, 0});
}

uint32_t runs_len(const struct runs *s)
{
    return s->len;
}

bool runs_reserve(struct runs *s)
{
    uint32_t idle = slots_ready(s->config.slots) - slots_busy(s->config.slots);

    for (struct runs_item *i = s->first; i && idle > 0; i = i->next)
        idle -= run_wants(i->run);
    if (!s->open || idle == 0)
        return false;
    s->reserved++;
    runs_wake(s);
    return true;
}

void runs_release(struct runs *s)
{
    s->reserved--;
    runs_wake(s);
}
