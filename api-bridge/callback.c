/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works: one long poll per job, renewed until the job is final.
 *
 *     follow --> WAITING --final--> CALLING --taken or given up--> TELLING --the mesh knows--> gone
 *       ^         ^   |                                             ^   |
 *     sweep       +---+ time is up                                  +---+ no peer
 *
 * What could not be asked is asked again after CALLBACK_PAUSE_MS.
 */
#include "api-bridge/callback.h"

#include "api-bridge/judge0.h"
#include "api-bridge/view.h"
#include "api-bridge/wait.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/own.h"

enum {
    CALLBACK_POLL_MS = 60000,
    CALLBACK_PAUSE_MS = 1000,
    CALLBACK_SWEEP_MS = 5000,
    CALLBACK_SWEEP_N = 100, /* jobs taken at once */
    CALLBACK_SWEEP_MAX = 10000,
    CALLBACK_BODY_MAX = 16 * LIMIT_MIB
};

enum callback_stage { CALLBACK_WAITING, CALLBACK_CALLING, CALLBACK_TELLING };

struct callback {
    struct api_callbacks *all;
    struct callback *prev, *next;
    struct id jid;
    char tenant[LIMIT_NAME + 1];
    enum callback_stage stage;
    struct api_wait *wait; /* WAITING, unless paused */
    uint64_t number;       /* TELLING, unless paused: of the question */
    uint64_t resume_ms;    /* when paused */
    char url[];
};

struct api_callbacks {
    struct api_link *link;
    struct api_webhook_options options;
    struct api_webhooks *hooks; /* owned */
    struct callback *first;
    struct map *by_jid; /* of the same */
    bool sweeps;
    uint64_t sweep_number; /* of the question under way */
    uint64_t sweep_ms;     /* when to ask next */
};

static void look(struct callback *c);

static uint64_t now_ms(void)
{
    return clock_mono_ns() / 1000000;
}

struct api_callbacks *api_callbacks_new(uv_loop_t *loop, struct api_link *link,
                                        const struct api_webhook_options *options)
{
    struct api_callbacks *all = own_calloc(1, sizeof(*all));

    all->link = link;
    all->options = *options;
    all->hooks = api_webhooks_new(loop, options);
    all->by_jid = map_new(options->seed);
    return all;
}

static void callback_free(struct callback *c)
{
    struct api_callbacks *all = c->all;

    *(c->prev ? &c->prev->next : &all->first) = c->next;
    if (c->next)
        c->next->prev = c->prev;
    (void)map_del(all->by_jid, &c->jid, sizeof(c->jid));
    api_wait_free(c->wait);
    api_link_forget(all->link, c->number);
    free(c);
}

void api_callbacks_free(struct api_callbacks *all)
{
    if (!all)
        return;
    api_webhooks_free(all->hooks);
    api_link_forget(all->link, all->sweep_number);
    while (all->first)
        callback_free(all->first);
    map_free(all->by_jid);
    free(all);
}

static void pause_for(struct callback *c)
{
    c->resume_ms = now_ms() + CALLBACK_PAUSE_MS;
}

/* --- telling the mesh ------------------------------------------------------------------------ */

static void on_told(void *ctx, const struct message *m, const struct api_fault *f)
{
    struct callback *c = ctx;

    (void)m;
    c->number = 0;
    if (f && f->code != API_FAULT_JOB_NOT_FOUND)
        pause_for(c);
    else
        callback_free(c);
}

static void tell(struct callback *c)
{
    struct message m = {.type = MESSAGE_TOLD};

    c->stage = CALLBACK_TELLING;
    c->resume_ms = 0;
    m.job.jid = c->jid;
    memcpy(m.job.tenant, c->tenant, sizeof(m.job.tenant));
    c->number = api_link_ask(c->all->link, &m, 0, on_told, c);
    if (!c->number)
        pause_for(c);
}

/* --- calling --------------------------------------------------------------------------------- */

static void on_delivered(void *ctx, const struct id *event, bool ok)
{
    (void)event;
    (void)ok; /* given up after its attempts: nobody else is to try for ever, either */
    tell(ctx);
}

static void put_body(const struct message_job *job, bool whole, struct buf *out)
{
    struct api_view how = {.without_result = !whole};
    struct api_json_writer w;

    api_json_writer_init(&w, out);
    if (api_judge0_is(job))
        api_judge0_callback(job, whole, out);
    else
        api_view_job(&w, NULL, job, &how);
}

void api_callback_body(const struct message_job *job, struct buf *out)
{
    put_body(job, true, out);
    if (!out->full)
        return;
    buf_reset(out);
    put_body(job, false, out);
}

static void deliver(struct callback *c, const struct message_job *job)
{
    auto_buf struct buf body = {.max = CALLBACK_BODY_MAX};
    struct api_webhook_call call = {
        .url = c->url, .event = &c->jid, .done = on_delivered, .ctx = c};

    api_callback_body(job, &body);
    call.put = api_judge0_is(job);
    call.body = buf_span(&body);
    if (api_webhook_send(c->all->hooks, &call) < 0)
        pause_for(c);
    else
        c->stage = CALLBACK_CALLING;
}

static void on_view(void *ctx, const struct message_job *job, const struct api_fault *f)
{
    struct callback *c = ctx;

    c->wait = NULL;
    if (f && f->code == API_FAULT_JOB_NOT_FOUND)
        callback_free(c); /* purged: its result is gone with it */
    else if (f)
        pause_for(c);
    else if (message_state_final(job->state))
        deliver(c, job);
    else
        look(c);
}

static void look(struct callback *c)
{
    struct api_wait_for what = {c->jid, c->tenant, CALLBACK_POLL_MS};

    c->resume_ms = 0;
    c->wait = api_wait_new(c->all->link, &what, on_view, c);
    if (!c->wait)
        pause_for(c);
}

void api_callbacks_follow(struct api_callbacks *all, const struct id *jid, const char *tenant,
                          const char *url)
{
    struct callback *c;

    if (map_get(all->by_jid, jid, sizeof(*jid)))
        return;
    c = own_calloc(1, sizeof(*c) + strlen(url) + 1);
    c->all = all;
    c->jid = *jid;
    (void)snprintf(c->tenant, sizeof(c->tenant), "%s", tenant);
    memcpy(c->url, url, strlen(url) + 1);
    c->next = all->first;
    if (all->first)
        all->first->prev = c;
    all->first = c;
    (void)map_set(all->by_jid, &c->jid, sizeof(c->jid), c);
    look(c);
}

/* --- what others left ------------------------------------------------------------------------ */

static void on_owed(void *ctx, const struct message *m, const struct api_fault *f)
{
    struct api_callbacks *all = ctx;

    all->sweep_number = 0;
    if (f)
        return;
    for (uint32_t i = 0; i < m->jobs.n; i++) {
        const struct message_job *job = &m->jobs.jobs[i];
        struct api_fault bad = {0};

        if (!job->callback[0])
            continue;
        /* The bridge that took it may be allowed to call where this one is not. */
        api_webhook_url_check(&all->options, job->callback, "callback", &bad);
        if (!bad.code)
            api_callbacks_follow(all, &job->jid, job->tenant, job->callback);
    }
}

static void sweep(struct api_callbacks *all, uint64_t now)
{
    struct message m = {.type = MESSAGE_LIST};

    if (!all->sweeps || all->sweep_number || all->sweep_ms > now ||
        map_len(all->by_jid) > CALLBACK_SWEEP_MAX || api_link_peers_up(all->link) == 0)
        return;
    m.list.owed = true;
    m.list.limit = CALLBACK_SWEEP_N;
    m.list.tenant[0] = '*';
    all->sweep_ms = now + CALLBACK_SWEEP_MS;
    all->sweep_number = api_link_ask(all->link, &m, 0, on_owed, all);
}

void api_callbacks_sweep(struct api_callbacks *all)
{
    all->sweeps = all->options.secret && all->options.secret[0];
}

void api_callbacks_tick(struct api_callbacks *all)
{
    uint64_t now = now_ms();

    for (struct callback *c = all->first, *next; c; c = next) {
        next = c->next;
        if (!c->resume_ms || c->resume_ms > now)
            continue;
        if (c->stage == CALLBACK_TELLING)
            tell(c);
        else
            look(c);
    }
    sweep(all, now);
}

size_t api_callbacks_pending(const struct api_callbacks *all)
{
    return map_len(all->by_jid);
}
