/* SPDX-License-Identifier: MPL-2.0 */
/*
 * POST /api/execute.
 *
 *   body --> read (a large one in a worker thread) --> SUBMIT --> 202
 *                                                         \-> ?wait=: --> 200 with the result
 *
 * The state outlives a client that leaves while a worker reads its body: `x` is NULL then. What
 * was read of the body is dropped as soon as it was sent: many requests wait for the disk at once.
 */
#include "api-bridge/callback.h"
#include "api-bridge/languages.h"
#include "api-bridge/route.h"
#include "api-bridge/server.h"
#include "api-bridge/submit.h"
#include "api-bridge/view.h"
#include "api-bridge/wait.h"
#include "api-bridge/work.h"
#include "base/own.h"

/* A request until it was sent. */
struct reading {
    struct buf body;
    struct api_json *tree;
    struct api_submission submission;
};

struct execute {
    struct api_exchange *x; /* NULL: the client left */
    const struct api_config *config;
    struct reading *reading; /* owned; NULL: it was read */
    char *callback;          /* owned; NULL when there is none */
    struct api_fault fault;
    struct api_work work;
    bool keyed; /* by the client */
    bool base64;
    bool stopping;
    uint32_t wait_ms;
    uint64_t number; /* of the SUBMIT under way */
    struct api_wait *wait;
    struct id jid;
};

/* What is read at once needs one at a time, and it is too large to be made for each request. */
static _Thread_local struct reading at_once;

static struct reading *reading_new(struct buf *body)
{
    struct reading *r = api_work_is_small(body->len) ? &at_once : own_realloc(NULL, sizeof(*r));

    r->body = *body;
    buf_init(body, 0);
    r->tree = NULL;
    api_submission_init(&r->submission);
    return r;
}

static void reading_free(struct reading *r)
{
    if (!r)
        return;
    api_submission_done(&r->submission);
    api_json_free(r->tree);
    buf_done(&r->body);
    if (r != &at_once)
        free(r);
}

static void execute_free(struct execute *e)
{
    reading_free(e->reading);
    free(e->callback);
    free(e);
}

static void on_gone(struct api_exchange *x)
{
    struct execute *e = x->state;

    e->x = NULL;
    if (e->work.away)
        return; /* the worker's end frees it */
    api_link_forget(api_exchange_link(x), e->number);
    api_wait_free(e->wait);
    execute_free(e);
}

static void on_stop(struct api_exchange *x)
{
    struct execute *e = x->state;

    e->stopping = true;
    if (e->wait)
        api_wait_hurry(e->wait);
}

static void fail(struct execute *e, const struct api_fault *f)
{
    api_answer_fault(e->x, f);
    execute_free(e);
}

static void answer_accepted(struct execute *e, bool duplicate, const char *state)
{
    struct api_exchange *x = e->x;
    struct api_json_writer w;
    char place[10 + ID_TEXT_SIZE] = "/api/jobs/";
    const char *id = id_format(&e->jid, place + 10);

    api_answer_header(x, "Location", place);
    api_json_writer_init(&w, &x->body);
    api_json_open(&w, NULL, '{');
    api_json_put_str(&w, "jobId", id);
    api_json_put_str(&w, "status", "queued");
    if (state)
        api_json_put_str(&w, "state", state);
    if (duplicate)
        api_json_put_bool(&w, "duplicate", true);
    api_json_close(&w, '}');
    execute_free(e);
    api_answer(x, 202, NULL);
}

static void on_view(void *ctx, const struct message_job *job, const struct api_fault *f)
{
    struct execute *e = ctx;
    struct api_view how = {.base64 = e->base64};
    struct api_exchange *x = e->x;
    struct api_json_writer w;

    e->wait = NULL;
    if (f || !message_state_final(job->state)) {
        /* The job is safe; its name is worth more than the trouble. */
        answer_accepted(e, false, f ? NULL : message_state_name(job->state));
        return;
    }
    api_json_writer_init(&w, &x->body);
    api_view_job(&w, NULL, job, &how);
    execute_free(e);
    api_answer(x, 200, NULL);
}

static void on_accepted(void *ctx, const struct message *m, const struct api_fault *f)
{
    struct execute *e = ctx;

    e->number = 0;
    if (f) {
        fail(e, f);
        return;
    }
    e->jid = m->accepted.jid;
    if (e->callback && !m->accepted.duplicate)
        api_callbacks_follow(e->x->server->callbacks, &e->jid, e->x->who.tenant, e->callback);
    if (e->wait_ms > 0 && !e->stopping)
        e->wait =
            api_wait_new(api_exchange_link(e->x),
                         &(struct api_wait_for){e->jid, e->x->who.tenant, e->wait_ms}, on_view, e);
    if (!e->wait)
        answer_accepted(e, m->accepted.duplicate && e->keyed, NULL);
}

/* CPU only; in a worker when the body is large. */
static void read_body(void *ctx)
{
    struct execute *e = ctx;
    struct reading *r = e->reading;
    struct api_json_at root;

    r->tree = api_json_parse(buf_span(&r->body), &e->fault);
    if (!r->tree)
        return;
    root = api_json_root(r->tree);
    api_submit_read(&r->submission, &root, e->config, &e->fault);
}

static void submit(struct execute *e)
{
    struct api_exchange *x = e->x;
    struct api_submission *s = &e->reading->submission;
    struct span key = api_request_key(&x->req, &e->fault);

    api_languages_check(x->server->languages, &s->spec, &e->fault);
    if (!e->fault.code) {
        e->keyed = key.len > 0;
        e->callback = s->spec.callback[0] ? own_strdup(s->spec.callback) : NULL;
        api_submit_key(s, x->who.tenant, key);
        e->number = api_submit_send(api_exchange_link(x), s, on_accepted, e, &e->fault);
    }
    reading_free(STEAL(e->reading));
    if (e->fault.code)
        fail(e, &e->fault);
}

static void on_read(void *ctx)
{
    struct execute *e = ctx;

    if (!e->x)
        execute_free(e);
    else
        submit(e);
}

static void read_query(struct execute *e)
{
    static const char *const known[] = {"wait", "encoding"};
    const struct api_request *r = &e->x->req;
    char encoding[16] = "";

    api_request_query_known(r, known, ARRAY_LEN(known), &e->fault);
    e->wait_ms = api_request_query_seconds(r, "wait", e->config->wait_ms_max / 1000, 0, &e->fault);
    if (api_request_query(r, "encoding", encoding, sizeof(encoding)) != 0 &&
        strcmp(encoding, "base64") != 0 && strcmp(encoding, "utf8") != 0)
        api_fault_field(&e->fault, API_FAULT_BAD_VALUE, "encoding",
                        "encoding must be utf8 or base64");
    e->base64 = strcmp(encoding, "base64") == 0;
    if (!api_request_is_json(r))
        api_fault_set(&e->fault, API_FAULT_MEDIA_TYPE, NULL);
}

void api_execute_handle(struct api_exchange *x)
{
    struct execute *e = own_calloc(1, sizeof(*e));

    e->x = x;
    e->config = api_exchange_config(x);
    read_query(e);
    if (e->fault.code) {
        fail(e, &e->fault);
        return;
    }
    x->state = e;
    x->on_gone = on_gone;
    x->on_stop = on_stop;
    x->patient = e->wait_ms > 0;
    e->reading = reading_new(&x->req.body);
    e->work = (struct api_work){.read = read_body, .done = on_read, .ctx = e};
    api_work_do(&e->work, &x->server->loop, e->reading->body.len);
}
