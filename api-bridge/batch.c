/* SPDX-License-Identifier: MPL-2.0 */
/*
 * POST /api/batch: many jobs in one request, each taken or refused on its own; the answer lists
 * them in order.
 *
 *   body --> read (a large one in a worker thread) --> up to BATCH_WINDOW SUBMITs under way
 *                                                  --> all answered --> 200
 */
#include "api-bridge/callback.h"
#include "api-bridge/languages.h"
#include "api-bridge/route.h"
#include "api-bridge/server.h"
#include "api-bridge/submit.h"
#include "api-bridge/view.h"
#include "api-bridge/work.h"
#include "base/own.h"

enum { BATCH_WINDOW = 256 };

struct batch {
    struct api_exchange *x; /* NULL: the client left */
    const struct api_config *config;
    struct buf body;
    struct api_json *tree;
    struct api_fault fault; /* of the whole */
    struct api_work work;
    uint32_t n;
    uint32_t next;    /* to be sent */
    uint32_t pending; /* under way */
    struct item {
        struct batch *batch;
        struct api_submission submission;
        struct api_fault *fault; /* owned; NULL = taken */
        uint64_t number;
        struct id jid;
        bool duplicate;
    } * items;
};

static void send_more(struct batch *b);

static void batch_free(struct batch *b)
{
    for (uint32_t i = 0; i < b->n; i++) {
        api_submission_done(&b->items[i].submission);
        free(b->items[i].fault);
    }
    free(b->items);
    api_json_free(b->tree);
    buf_done(&b->body);
    free(b);
}

static void on_gone(struct api_exchange *x)
{
    struct batch *b = x->state;

    b->x = NULL;
    if (b->work.away)
        return; /* the worker's end frees it */
    for (uint32_t i = 0; i < b->n; i++)
        api_link_forget(api_exchange_link(x), b->items[i].number);
    batch_free(b);
}

static void fail(struct batch *b, const struct api_fault *f)
{
    struct api_exchange *x = b->x;

    api_answer_fault(x, f);
    batch_free(b);
}

static void item_fail(struct item *it, const struct api_fault *f)
{
    it->fault = own_memdup(f, sizeof(*f));
    api_submission_done(&it->submission);
}

static void put_item(struct api_json_writer *w, const struct item *it)
{
    char id[ID_TEXT_SIZE];
    auto_buf struct buf error = {.max = LIMIT_MIB};

    if (it->fault) {
        api_json_put_fault(&error, it->fault);
        api_json_put_raw(w, NULL, buf_span(&error));
        return;
    }
    api_json_open(w, NULL, '{');
    api_json_put_str(w, "jobId", id_format(&it->jid, id));
    api_json_put_str(w, "status", "queued");
    if (it->duplicate)
        api_json_put_bool(w, "duplicate", true);
    api_json_close(w, '}');
}

static void answer_all(struct batch *b)
{
    struct api_exchange *x = b->x;
    struct api_json_writer w;
    uint32_t taken = 0;

    api_json_writer_init(&w, &x->body);
    api_json_open(&w, NULL, '{');
    api_json_open(&w, "results", '[');
    for (uint32_t i = 0; i < b->n; i++) {
        put_item(&w, &b->items[i]);
        taken += !b->items[i].fault;
    }
    api_json_close(&w, ']');
    api_json_put_uint(&w, "accepted", taken);
    api_json_put_uint(&w, "refused", b->n - taken);
    api_json_close(&w, '}');
    batch_free(b);
    api_answer(x, 200, NULL);
}

static void on_accepted(void *ctx, const struct message *m, const struct api_fault *f)
{
    struct item *it = ctx;

    it->number = 0;
    it->batch->pending--;
    if (f) {
        item_fail(it, f);
    } else {
        it->jid = m->accepted.jid;
        if (it->submission.spec.callback[0] && !m->accepted.duplicate)
            api_callbacks_follow(it->batch->x->server->callbacks, &it->jid,
                                 it->batch->x->who.tenant, it->submission.spec.callback);
        it->duplicate = it->duplicate && m->accepted.duplicate;
    }
    send_more(it->batch);
}

static void send_item(struct batch *b, uint32_t i)
{
    struct item *it = &b->items[i];
    struct span key = api_request_header(&b->x->req, "idempotency-key");
    char own[API_KEY_MAX + 16] = "";
    struct api_fault f = {0};

    if (key.len > 0) /* each job of the batch has a key of its own */
        (void)snprintf(own, sizeof(own), "%.*s#%u", (int)key.len, (const char *)key.data, i);
    it->duplicate = key.len > 0;
    api_languages_check(b->x->server->languages, &it->submission.spec, &f);
    if (!f.code) {
        api_submit_key(&it->submission, b->x->who.tenant, span_of(own));
        it->number = api_submit_send(api_exchange_link(b->x), &it->submission, on_accepted, it, &f);
    }
    if (f.code) {
        item_fail(it, &f);
        return;
    }
    api_submission_done(&it->submission);
    b->pending++;
}

static void send_more(struct batch *b)
{
    while (b->next < b->n && b->pending < BATCH_WINDOW) {
        uint32_t i = b->next++;

        if (!b->items[i].fault)
            send_item(b, i);
    }
    if (b->next == b->n && b->pending == 0)
        answer_all(b);
}

/* CPU only; in a worker when the body is large. */
static void read_body(void *ctx)
{
    struct batch *b = ctx;
    static const char *const known[] = {"jobs"};
    struct api_json_at root, list;

    b->tree = api_json_parse(buf_span(&b->body), &b->fault);
    if (!b->tree)
        return;
    root = api_json_root(b->tree);
    if (!api_json_is_object(&root))
        api_json_fault(&root, &b->fault, API_FAULT_BAD_TYPE, "must be an object");
    api_json_known(&root, known, ARRAY_LEN(known), &b->fault);
    api_json_need(&root, "jobs", &b->fault);
    list = api_json_array(&root, "jobs", b->config->batch_max, &b->fault);
    if (!b->fault.code && api_json_len(&list) == 0)
        api_json_fault(&list, &b->fault, API_FAULT_BAD_VALUE, "must not be empty");
    if (b->fault.code)
        return;
    b->items = own_calloc(api_json_len(&list), sizeof(*b->items));
    for (; b->n < api_json_len(&list); b->n++) {
        struct item *it = &b->items[b->n];
        struct api_json_at at = api_json_item(&list, b->n);
        struct api_fault f = {0};

        it->batch = b;
        api_submission_init(&it->submission);
        api_submit_read(&it->submission, &at, b->config, &f);
        if (f.code)
            item_fail(it, &f);
    }
}

static void on_read(void *ctx)
{
    struct batch *b = ctx;

    if (!b->x)
        batch_free(b);
    else if (b->fault.code)
        fail(b, &b->fault);
    else
        send_more(b);
}

void api_batch_handle(struct api_exchange *x)
{
    struct batch *b = own_calloc(1, sizeof(*b));

    b->x = x;
    b->config = api_exchange_config(x);
    api_request_query_known(&x->req, NULL, 0, &b->fault);
    if (!api_request_is_json(&x->req))
        api_fault_set(&b->fault, API_FAULT_MEDIA_TYPE, NULL);
    (void)api_request_key(&x->req, &b->fault);
    if (b->fault.code) {
        fail(b, &b->fault);
        return;
    }
    x->state = b;
    x->on_gone = on_gone;
    b->body = x->req.body;
    buf_init(&x->req.body, 0);
    b->work = (struct api_work){.read = read_body, .done = on_read, .ctx = b};
    api_work_do(&b->work, &x->server->loop, b->body.len);
}
