/* SPDX-License-Identifier: MPL-2.0 */
#include "api-bridge/wait.h"

#include "base/clock.h"
#include "base/own.h"

struct api_wait {
    struct api_link *link;
    struct id jid;
    char tenant[LIMIT_NAME + 1];
    uint64_t end_ns;
    uint64_t number; /* of the question under way */
    api_wait_answer fn;
    void *ctx;
};

static void on_job(void *ctx, const struct message *m, const struct api_fault *f);

/* Asks for anything newer than `seen`. */
static bool ask(struct api_wait *w, uint64_t seen)
{
    uint64_t now = clock_mono_ns();
    struct message m = {.type = MESSAGE_QUERY};

    m.job.jid = w->jid;
    m.job.seen = seen;
    m.job.wait_ms = w->end_ns > now ? (uint32_t)((w->end_ns - now) / 1000000) : 0;
    memcpy(m.job.tenant, w->tenant, sizeof(m.job.tenant));
    w->number = api_link_ask(w->link, &m, m.job.wait_ms, on_job, w);
    return w->number != 0;
}

static void finish(struct api_wait *w, const struct message_job *job, const struct api_fault *f)
{
    api_wait_answer fn = w->fn;
    void *ctx = w->ctx;

    free(w);
    fn(ctx, job, f);
}

static void on_job(void *ctx, const struct message *m, const struct api_fault *f)
{
    struct api_wait *w = ctx;

    w->number = 0;
    if (f) {
        finish(w, NULL, f);
    } else if (message_state_final(m->view.state) || clock_mono_ns() + 1000000 >= w->end_ns ||
               !ask(w, m->view.version)) {
        finish(w, &m->view, NULL);
    }
}

struct api_wait *api_wait_new(struct api_link *link, const struct api_wait_for *what,
                              api_wait_answer fn, void *ctx)
{
    struct api_wait *w = own_calloc(1, sizeof(*w));

    w->link = link;
    w->jid = what->jid;
    w->fn = fn;
    w->ctx = ctx;
    w->end_ns = clock_mono_ns() + what->wait_ms * 1000000ULL;
    (void)snprintf(w->tenant, sizeof(w->tenant), "%s", what->tenant);
    if (ask(w, 0))
        return w;
    free(w);
    return NULL;
}

void api_wait_free(struct api_wait *w)
{
    if (!w)
        return;
    api_link_forget(w->link, w->number);
    free(w);
}

void api_wait_hurry(struct api_wait *w)
{
    w->end_ns = clock_mono_ns();
    api_link_forget(w->link, w->number);
    (void)ask(w, 0);
}
