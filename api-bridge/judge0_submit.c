/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Judge0's POST /submissions, one at a time (with ?wait=true the answer is its result) or up to
 * JUDGE0_BATCH_MAX at once, each taken or refused on its own:
 *
 *   body --> read --> SUBMIT for each --> all answered --> 201 with tokens
 *                                     \-> ?wait=true   --> 201 with the submission
 */
#include "api-bridge/judge0.h"

#include "api-bridge/callback.h"
#include "api-bridge/route.h"
#include "api-bridge/server.h"
#include "api-bridge/wait.h"
#include "api-bridge/work.h"
#include "base/own.h"

struct judge0 {
    struct api_exchange *x;
    struct api_json *tree;
    struct api_judge0_view how;
    bool batch;
    bool wait; /* asked for */
    struct api_wait *waiting;
    size_t n, pending;
    struct item {
        struct judge0 *all;
        struct api_judge0_form form;
        uint64_t number; /* of the SUBMIT under way */
        struct id jid;
        struct api_fault fault; /* the mesh refused it */
    } items[];
};

static void judge0_free(struct judge0 *j)
{
    for (size_t i = 0; i < j->n; i++)
        api_judge0_form_done(&j->items[i].form);
    api_json_free(j->tree);
    free(j);
}

static void judge0_gone(struct api_exchange *x)
{
    struct judge0 *j = x->state;

    for (size_t i = 0; i < j->n; i++)
        api_link_forget(api_exchange_link(x), j->items[i].number);
    api_wait_free(j->waiting);
    judge0_free(j);
}

static void judge0_stop(struct api_exchange *x)
{
    struct judge0 *j = x->state;

    if (j->waiting)
        api_wait_hurry(j->waiting);
}

static void put_token(struct api_json_writer *w, const struct item *it)
{
    char id[ID_TEXT_SIZE];

    api_json_open(w, NULL, '{');
    api_json_put_str(w, "token", id_format(&it->jid, id));
    api_json_close(w, '}');
}

static void put_item(struct api_json_writer *w, const struct item *it)
{
    if (it->form.errors.len > 0) {
        api_json_put_raw(w, NULL, buf_span(&it->form.errors));
    } else if (it->fault.code) {
        api_json_open(w, NULL, '{');
        api_json_put_str(w, "error", it->fault.text);
        api_json_close(w, '}');
    } else {
        put_token(w, it);
    }
}

static void answer_batch(struct judge0 *j)
{
    struct api_exchange *x = j->x;
    struct api_json_writer w;
    bool any = false;

    api_json_writer_init(&w, &x->body);
    api_json_open(&w, NULL, '[');
    for (size_t i = 0; i < j->n; i++) {
        put_item(&w, &j->items[i]);
        any |= !j->items[i].form.errors.len && !j->items[i].fault.code;
    }
    api_json_close(&w, ']');
    if (!any)
        x->fault = API_FAULT_BAD_VALUE;
    judge0_free(j);
    api_answer(x, any ? 201 : 422, NULL);
}

static void on_view(void *ctx, const struct message_job *job, const struct api_fault *f)
{
    struct judge0 *j = ctx;
    struct api_exchange *x = j->x;
    struct api_json_writer w;

    j->waiting = NULL;
    api_json_writer_init(&w, &x->body);
    if (f) { /* the submission is safe; its token is worth more than the trouble */
        put_token(&w, &j->items[0]);
    } else if (!api_judge0_put(&w, job, &j->items[0].form.submission.spec, &j->how)) {
        char id[ID_TEXT_SIZE];

        buf_reset(&x->body);
        api_json_writer_init(&w, &x->body);
        api_json_open(&w, NULL, '{');
        api_json_put_str(&w, "error", api_judge0_garbled);
        api_json_put_str(&w, "token", id_format(&job->jid, id));
        api_json_close(&w, '}');
    }
    judge0_free(j);
    api_answer(x, 201, NULL);
}

static void answer_one(struct judge0 *j)
{
    struct api_exchange *x = j->x;
    struct item *it = &j->items[0];
    struct api_json_writer w;

    if (it->form.errors.len > 0) {
        (void)buf_put(&x->body, it->form.errors.data, it->form.errors.len);
        x->fault = API_FAULT_BAD_VALUE;
        judge0_free(j);
        api_answer(x, 422, NULL);
        return;
    }
    if (it->fault.code) {
        struct api_fault f = it->fault;

        judge0_free(j);
        api_judge0_refuse_fault(x, &f);
        return;
    }
    if (j->wait) {
        struct api_wait_for what = {it->jid, x->who.tenant, api_exchange_config(x)->wait_ms_max};

        j->waiting = api_wait_new(api_exchange_link(x), &what, on_view, j);
        if (j->waiting)
            return;
    }
    api_json_writer_init(&w, &x->body);
    put_token(&w, it);
    judge0_free(j);
    api_answer(x, 201, NULL);
}

static void answer_when_all(struct judge0 *j)
{
    if (j->pending > 0)
        return;
    if (j->batch)
        answer_batch(j);
    else
        answer_one(j);
}

static void taken(struct item *it, const struct message *m)
{
    const struct api_exchange *x = it->all->x;

    it->jid = m->accepted.jid;
    if (it->form.submission.spec.callback[0])
        api_callbacks_follow(x->server->callbacks, &it->jid, x->who.tenant,
                             it->form.submission.spec.callback);
}

static void on_accepted(void *ctx, const struct message *m, const struct api_fault *f)
{
    struct item *it = ctx;

    it->number = 0;
    it->all->pending--;
    if (f)
        it->fault = *f;
    else
        taken(it, m);
    answer_when_all(it->all);
}

static void send_all(struct judge0 *j)
{
    struct api_exchange *x = j->x;

    x->state = j;
    x->on_gone = judge0_gone;
    x->on_stop = judge0_stop;
    x->patient = j->wait;
    for (size_t i = 0; i < j->n; i++) {
        struct item *it = &j->items[i];

        if (it->form.errors.len > 0)
            continue;
        api_submit_key(&it->form.submission, x->who.tenant, (struct span){0});
        it->number = api_submit_send(api_exchange_link(x), &it->form.submission, on_accepted, it,
                                     &it->fault);
        j->pending += it->number != 0;
    }
    answer_when_all(j);
}

/* Reads `n` submissions, of `list` or (NULL) the body itself. The tree is taken. */
static struct judge0 *judge0_new(struct api_exchange *x, struct api_json *tree,
                                 const struct api_json_at *list, size_t n)
{
    struct judge0 *j = own_calloc(1, sizeof(*j) + n * sizeof(j->items[0]));
    struct api_json_at root = api_json_root(tree);
    char word[8] = "";
    struct api_judge0_context c = {api_exchange_config(x), x->server->languages, false};

    (void)api_request_query(&x->req, "base64_encoded", word, sizeof(word));
    c.base64 = strcmp(word, "true") == 0;
    j->x = x;
    j->tree = tree;
    j->n = n;
    for (size_t i = 0; i < n; i++) {
        struct api_json_at at = list ? api_json_item(list, i) : root;

        j->items[i].all = j;
        api_judge0_form_init(&j->items[i].form);
        api_judge0_form_read(&j->items[i].form, &at, &c);
    }
    return j;
}

/* A body on its way to be submissions. */
struct intake {
    struct api_exchange *x; /* NULL: the client left */
    struct api_work work;
    struct buf body;
    struct api_json *tree;
    struct api_judge0_view how;
    bool batch;
    struct api_fault fault;
};

static void intake_free(struct intake *in)
{
    api_json_free(in->tree);
    buf_done(&in->body);
    free(in);
}

static void intake_gone(struct api_exchange *x)
{
    struct intake *in = x->state;

    in->x = NULL;
    if (!in->work.away) /* else the worker's end frees it */
        intake_free(in);
}

static void parse(void *ctx)
{
    struct intake *in = ctx;
    struct api_json_at root;

    in->tree = api_json_parse(buf_span(&in->body), &in->fault);
    root = api_json_root(in->tree);
    if (!api_json_is_object(&root))
        api_fault_set(&in->fault, API_FAULT_BAD_TYPE, "the body must be an object");
}

static void take_one(struct intake *in)
{
    struct judge0 *j = judge0_new(in->x, STEAL(in->tree), NULL, 1);
    char word[8] = "";

    j->how = in->how;
    (void)api_request_query(&in->x->req, "wait", word, sizeof(word));
    j->wait = strcmp(word, "true") == 0;
    send_all(j);
}

static void take_batch(struct intake *in)
{
    struct api_json_at root = api_json_root(in->tree);
    struct api_fault f = {0};
    struct api_json_at list = api_json_array(&root, "submissions", JUDGE0_BATCH_MAX, &f);
    struct judge0 *j;

    if (f.code || api_json_len(&list) == 0) {
        api_judge0_refuse(in->x, 400,
                          f.code == API_FAULT_BAD_TYPE || !f.code
                              ? "there should be at least one submission in a batch"
                              : "number of submissions in a batch should be less than or equal "
                                "to 20");
        return;
    }
    j = judge0_new(in->x, STEAL(in->tree), &list, api_json_len(&list));
    j->batch = true;
    send_all(j);
}

static void take(void *ctx)
{
    struct intake *in = ctx;

    if (in->x && in->fault.code)
        api_judge0_refuse_fault(in->x, &in->fault);
    else if (in->x && in->batch)
        take_batch(in);
    else if (in->x)
        take_one(in);
    intake_free(in);
}

static void create(struct api_exchange *x, bool batch)
{
    struct api_judge0_view how = {.languages = x->server->languages};
    struct api_fault f = {0};
    struct intake *in;

    if (!api_judge0_is_on(x) || (!batch && !api_judge0_view_read(x, &how)))
        return;
    if (!api_request_is_json(&x->req))
        api_fault_set(&f, API_FAULT_MEDIA_TYPE, NULL);
    if (f.code || !api_languages_known(x->server->languages, &f)) {
        api_judge0_refuse_fault(x, &f);
        return;
    }
    in = own_calloc(1, sizeof(*in));
    *in = (struct intake){.x = x, .how = how, .batch = batch, .body = x->req.body};
    buf_init(&x->req.body, 0);
    x->state = in;
    x->on_gone = intake_gone;
    in->work = (struct api_work){.read = parse, .done = take, .ctx = in};
    api_work_do(&in->work, &x->server->loop, in->body.len);
}

void api_judge0_create(struct api_exchange *x)
{
    create(x, false);
}

void api_judge0_create_batch(struct api_exchange *x)
{
    create(x, true);
}
