/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works: one long poll per job, renewed until the job is final.
 *
 *     follow --> WAITING --final--> webhook --taken or given up--> gone
 *                 ^   |
 *                 +---+ time is up; or no peer (then after CALLBACK_PAUSE_MS)
 */
#include "api-bridge/callback.h"

#include "api-bridge/view.h"
#include "api-bridge/wait.h"
#include "base/clock.h"
#include "base/own.h"

enum { CALLBACK_POLL_MS = 60000, CALLBACK_PAUSE_MS = 1000, CALLBACK_BODY_MAX = 16 * LIMIT_MIB };

struct callback {
    struct api_callbacks *all;
    struct callback *prev, *next;
    struct id jid;
    char tenant[LIMIT_NAME + 1];
    struct api_wait *wait; /* NULL: paused, or being delivered */
    uint64_t resume_ms;    /* when paused */
    char url[];
};

struct api_callbacks {
    struct api_link *link;
    struct api_webhooks *hooks; /* owned */
    struct callback *first;
    size_t n;
};

static void look(struct callback *c);

struct api_callbacks *api_callbacks_new(uv_loop_t *loop, struct api_link *link,
                                        const struct api_webhook_options *options)
{
    struct api_callbacks *all = own_calloc(1, sizeof(*all));

    all->link = link;
    all->hooks = api_webhooks_new(loop, options);
    return all;
}

static void callback_free(struct callback *c)
{
    struct api_callbacks *all = c->all;

    *(c->prev ? &c->prev->next : &all->first) = c->next;
    if (c->next)
        c->next->prev = c->prev;
    all->n--;
    api_wait_free(c->wait);
    free(c);
}

void api_callbacks_free(struct api_callbacks *all)
{
    if (!all)
        return;
    api_webhooks_free(all->hooks);
    while (all->first)
        callback_free(all->first);
    free(all);
}

static void on_delivered(void *ctx, const struct id *event, bool ok)
{
    (void)event;
    (void)ok; /* given up after its attempts: there is nobody left to tell */
    callback_free(ctx);
}

static void pause_for(struct callback *c)
{
    c->resume_ms = clock_mono_ns() / 1000000 + CALLBACK_PAUSE_MS;
}

static void deliver(struct callback *c, const struct message_job *job)
{
    auto_buf struct buf body = {.max = CALLBACK_BODY_MAX};
    struct api_view how = {0};
    struct api_json_writer w;
    struct api_webhook_call call = {
        .url = c->url, .event = &c->jid, .done = on_delivered, .ctx = c};

    api_json_writer_init(&w, &body);
    api_view_job(&w, NULL, job, &how);
    call.body = buf_span(&body);
    if (api_webhook_send(c->all->hooks, &call) < 0)
        pause_for(c);
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
    struct callback *c = own_calloc(1, sizeof(*c) + strlen(url) + 1);

    c->all = all;
    c->jid = *jid;
    (void)snprintf(c->tenant, sizeof(c->tenant), "%s", tenant);
    memcpy(c->url, url, strlen(url) + 1);
    c->next = all->first;
    if (all->first)
        all->first->prev = c;
    all->first = c;
    all->n++;
    look(c);
}

void api_callbacks_tick(struct api_callbacks *all)
{
    uint64_t now = clock_mono_ns() / 1000000;

    for (struct callback *c = all->first, *next; c; c = next) {
        next = c->next;
        if (c->resume_ms && c->resume_ms <= now)
            look(c);
    }
}

size_t api_callbacks_pending(const struct api_callbacks *all)
{
    return all->n;
}
