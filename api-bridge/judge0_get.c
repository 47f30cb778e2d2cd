/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Judge0's submissions by token: one, several, the list, and DELETE. All but the list's tokens
 * come from one question per submission, or two:
 *
 *   tokens (given, or from LIST) --> (its request, if asked for) --> a view of each --> 200
 *
 * A submission that is queued or running can be deleted: the job is cancelled. What is
 * finished stays until its retention ends, and then the answer is Judge0's for a server that
 * does not allow deletion.
 *
 * A job that was not submitted as one is not there: nothing of what it hides is shown here.
 */
#include "api-bridge/judge0.h"
#include "api-bridge/route.h"
#include "api-bridge/server.h"
#include "api-bridge/wait.h"
#include "base/own.h"

enum { GET_TOKENS_TEXT = 1024, GET_PAGE = 20, GET_PAGE_MAX = 100, GET_LIST_MAX = 10000 };

enum get_kind { GET_ONE, GET_BATCH, GET_LIST, GET_DELETE };

struct get {
    struct api_exchange *x;
    struct api_judge0_view how;
    enum get_kind kind;
    uint64_t number; /* of a LIST or CANCEL under way */
    struct found {
        struct id jid;
        int64_t queued_ms;
    } * found; /* of the list */
    size_t n_found, page, per_page;
    bool garbled;
    struct api_fault fault; /* the first that is not "there is no such job" */
    size_t n, pending;
    struct item {
        struct get *all;
        struct id jid;
        bool there;      /* it may be a job */
        uint64_t number; /* of a SPEC under way */
        struct buf spec; /* encoded; empty: it was not asked for */
        struct api_wait *wait;
        struct buf json; /* empty: there is no such job */
        enum api_judge0_status status;
    } items[GET_PAGE_MAX];
};

static struct get *get_new(struct api_exchange *x, enum get_kind kind)
{
    struct get *g = own_calloc(1, sizeof(*g));

    g->x = x;
    g->kind = kind;
    g->how.languages = x->server->languages;
    return g;
}

static void get_free(struct get *g)
{
    for (size_t i = 0; i < g->n; i++) {
        buf_done(&g->items[i].json);
        buf_done(&g->items[i].spec);
    }
    free(g->found);
    free(g);
}

static void get_gone(struct api_exchange *x)
{
    struct get *g = x->state;

    api_link_forget(api_exchange_link(x), g->number);
    for (size_t i = 0; i < g->n; i++) {
        api_link_forget(api_exchange_link(x), g->items[i].number);
        api_wait_free(g->items[i].wait);
    }
    get_free(g);
}

static void get_fail(struct get *g, const struct api_fault *f)
{
    struct api_exchange *x = g->x;
    struct api_fault copy = *f;

    get_free(g);
    api_judge0_refuse_fault(x, &copy);
}

static void get_refuse(struct get *g, int status, const char *text)
{
    struct api_exchange *x = g->x;

    get_free(g);
    api_judge0_refuse(x, status, text);
}

static void get_add(struct get *g, const struct id *jid, bool there)
{
    struct item *it = &g->items[g->n++];

    *it = (struct item){.all = g, .jid = *jid, .there = there};
    buf_init(&it->json, API_ANSWER_MAX);
    buf_init(&it->spec, LIMIT_SPEC);
}

/* --- the answers ----------------------------------------------------------------------------- */

static void put_page(struct api_json_writer *w, const char *key, size_t page, bool there)
{
    if (there)
        api_json_put_uint(w, key, page);
    else
        api_json_put_null(w, key);
}

static void put_meta(struct api_json_writer *w, const struct get *g)
{
    size_t pages = g->per_page ? (g->n_found + g->per_page - 1) / g->per_page : 0;

    api_json_open(w, "meta", '{');
    api_json_put_uint(w, "current_page", g->page);
    put_page(w, "next_page", g->page + 1, g->page < pages);
    put_page(w, "prev_page", g->page - 1, g->page > 1);
    api_json_put_uint(w, "total_pages", pages);
    api_json_put_uint(w, "total_count", g->n_found);
    api_json_close(w, '}');
}

static void answer_many(struct get *g)
{
    struct api_exchange *x = g->x;
    struct api_json_writer w;

    if (g->garbled) {
        get_refuse(g, 400, api_judge0_garbled_all);
        return;
    }
    api_json_writer_init(&w, &x->body);
    api_json_open(&w, NULL, '{');
    api_json_open(&w, "submissions", '[');
    for (size_t i = 0; i < g->n; i++) {
        if (g->items[i].json.len > 0)
            api_json_put_raw(&w, NULL, buf_span(&g->items[i].json));
        else if (g->kind == GET_BATCH)
            api_json_put_null(&w, NULL);
    }
    api_json_close(&w, ']');
    if (g->kind == GET_LIST)
        put_meta(&w, g);
    api_json_close(&w, '}');
    get_free(g);
    api_answer(x, 200, NULL);
}

static void answer_one(struct get *g)
{
    struct api_exchange *x = g->x;
    struct item *it = &g->items[0];

    if (it->json.len == 0) {
        get_refuse(g, 404, "Not Found");
        return;
    }
    if (g->kind == GET_DELETE && it->status != JUDGE0_STATUS_INTERNAL) {
        get_refuse(g, 400, "delete not allowed"); /* it finished before it was cancelled */
        return;
    }
    if (g->garbled) {
        get_refuse(g, 400, api_judge0_garbled);
        return;
    }
    (void)buf_put(&x->body, it->json.data, it->json.len);
    get_free(g);
    api_answer(x, 200, NULL);
}

static void answer_when_all(struct get *g)
{
    if (g->pending > 0)
        return;
    if (g->fault.code)
        get_fail(g, &g->fault);
    else if (g->kind == GET_BATCH || g->kind == GET_LIST)
        answer_many(g);
    else
        answer_one(g);
}

static void put_item(struct item *it, const struct message_job *job)
{
    struct get *g = it->all;
    struct api_json_writer w;
    struct spec spec;
    struct err err;
    bool asked = it->spec.len > 0 && spec_decode(buf_span(&it->spec), &spec, &err) == 0;

    api_json_writer_init(&w, &it->json);
    g->garbled |= !api_judge0_put(&w, job, asked ? &spec : NULL, &g->how);
    if (asked)
        spec_done(&spec);
    it->status =
        job->state == MESSAGE_STATE_COMPLETED ? JUDGE0_STATUS_NONE : api_judge0_status(job, 0);
}

/* No more is to come of this one. */
static void item_end(struct item *it, const struct api_fault *f)
{
    struct get *g = it->all;

    g->pending--;
    if (f && f->code != API_FAULT_JOB_NOT_FOUND && !g->fault.code)
        g->fault = *f;
    answer_when_all(g);
}

static void on_view(void *ctx, const struct message_job *job, const struct api_fault *f)
{
    struct item *it = ctx;

    it->wait = NULL;
    if (job && api_judge0_is(job))
        put_item(it, job);
    item_end(it, f);
}

static bool look(struct item *it, api_wait_answer fn)
{
    struct api_exchange *x = it->all->x;
    struct api_wait_for what = {it->jid, x->who.tenant, 0};

    it->wait = api_wait_new(api_exchange_link(x), &what, fn, it);
    return it->wait != NULL;
}

static void on_spec(void *ctx, const struct message *m, const struct api_fault *f)
{
    struct item *it = ctx;
    struct api_fault busy = {0};

    it->number = 0;
    if (!f)
        (void)buf_put(&it->spec, m->submit.spec.data, m->submit.spec.len);
    api_fault_set(&busy, API_FAULT_BUSY, NULL);
    if (f || !look(it, on_view))
        item_end(it, f ? f : &busy);
}

static bool ask_spec(struct item *it)
{
    struct api_exchange *x = it->all->x;
    struct message m = {.type = MESSAGE_SPEC};

    m.job.jid = it->jid;
    (void)snprintf(m.job.tenant, sizeof(m.job.tenant), "%s", x->who.tenant);
    it->number = api_link_ask(api_exchange_link(x), &m, 0, on_spec, it);
    return it->number != 0;
}

static void look_at_all(struct get *g)
{
    struct api_exchange *x = g->x;
    const bool spec = api_judge0_wants_spec(&g->how);

    x->state = g;
    x->on_gone = get_gone;
    for (size_t i = 0; i < g->n; i++) {
        struct item *it = &g->items[i];

        if (!it->there)
            continue;
        if (spec ? ask_spec(it) : look(it, on_view))
            g->pending++;
        else
            api_fault_set(&g->fault, API_FAULT_BUSY, NULL);
    }
    answer_when_all(g);
}

/* --- the questions --------------------------------------------------------------------------- */

/* A handler's start: switched on, and the view it asks for; NULL when that was answered. */
static struct get *get_begin(struct api_exchange *x, enum get_kind kind)
{
    struct get *g;
    struct api_judge0_view how = {0};

    if (!api_judge0_is_on(x) || !api_judge0_view_read(x, &how))
        return NULL;
    g = get_new(x, kind);
    g->how.base64 = how.base64 || kind == GET_DELETE;
    g->how.fields = how.fields;
    return g;
}

void api_judge0_get(struct api_exchange *x)
{
    struct get *g = get_begin(x, GET_ONE);
    struct id jid = {{0}};
    bool there;

    if (!g)
        return;
    there = api_judge0_token(x->req.params[0], &jid);
    get_add(g, &jid, there);
    look_at_all(g);
}

void api_judge0_get_batch(struct api_exchange *x)
{
    struct get *g = get_begin(x, GET_BATCH);
    char tokens[GET_TOKENS_TEXT] = "";
    bool many;

    if (!g)
        return;
    many = api_request_query(&x->req, "tokens", tokens, sizeof(tokens)) < 0;
    for (const char *at = tokens; *at && !many; at += *at == ',') {
        size_t len = strcspn(at, ",");
        struct id jid = {{0}};
        bool there = api_judge0_token((struct span){(const uint8_t *)at, len}, &jid);

        many = g->n == JUDGE0_BATCH_MAX;
        if (!many)
            get_add(g, &jid, there);
        at += len;
    }
    if (many)
        get_refuse(g, 400, "number of submissions in a batch should be less than or equal to 20");
    else if (g->n == 0)
        get_refuse(g, 400, "there should be at least one submission in a batch");
    else
        look_at_all(g);
}

static void get_busy(struct get *g)
{
    struct api_fault f = {0};

    api_fault_set(&f, API_FAULT_BUSY, NULL);
    get_fail(g, &f);
}

static void on_cancelled(void *ctx, const struct message *m, const struct api_fault *f)
{
    struct get *g = ctx;

    (void)m;
    g->number = 0;
    if (f)
        get_fail(g, f);
    else
        look_at_all(g);
}

static void get_cancel(struct get *g)
{
    struct message m = {.type = MESSAGE_CANCEL};

    m.job.jid = g->items[0].jid;
    (void)snprintf(m.job.tenant, sizeof(m.job.tenant), "%s", g->x->who.tenant);
    g->number = api_link_ask(api_exchange_link(g->x), &m, 0, on_cancelled, g);
    if (!g->number)
        get_busy(g);
}

static void on_candidate(void *ctx, const struct message_job *job, const struct api_fault *f)
{
    struct item *it = ctx;

    it->wait = NULL;
    if (f)
        get_fail(it->all, f);
    else if (api_judge0_is(job))
        get_cancel(it->all);
    else
        get_refuse(it->all, 404, "Not Found");
}

void api_judge0_delete(struct api_exchange *x)
{
    struct get *g = get_begin(x, GET_DELETE);
    struct id jid;

    if (!g)
        return;
    if (!api_judge0_token(x->req.params[0], &jid)) {
        get_refuse(g, 404, "Not Found");
        return;
    }
    get_add(g, &jid, true);
    x->state = g;
    x->on_gone = get_gone;
    if (!look(&g->items[0], on_candidate))
        get_busy(g);
}

/* --- the list -------------------------------------------------------------------------------- */

static int newest_first(const void *a, const void *b)
{
    const struct found *x = a, *y = b;

    if (x->queued_ms != y->queued_ms)
        return x->queued_ms < y->queued_ms ? 1 : -1;
    return id_cmp(&x->jid, &y->jid);
}

static void look_at_page(struct get *g)
{
    size_t from = (g->page - 1) * g->per_page;

    if (g->n_found)
        qsort(g->found, g->n_found, sizeof(*g->found), newest_first);
    for (size_t i = from; i < g->n_found && i < from + g->per_page; i++)
        get_add(g, &g->found[i].jid, true);
    look_at_all(g);
}

static bool ask_list(struct get *g, const struct id *cursor);

static void on_list(void *ctx, const struct message *m, const struct api_fault *f)
{
    struct get *g = ctx;

    g->number = 0;
    if (f) {
        get_fail(g, f);
        return;
    }
    g->found = own_realloc(g->found, (g->n_found + m->jobs.n + 1) * sizeof(*g->found));
    for (uint32_t i = 0; i < m->jobs.n && g->n_found < GET_LIST_MAX; i++)
        g->found[g->n_found++] = (struct found){m->jobs.jobs[i].jid, m->jobs.jobs[i].queued_ms};
    if (id_is_zero(&m->jobs.cursor) || g->n_found == GET_LIST_MAX) {
        look_at_page(g);
    } else if (!ask_list(g, &m->jobs.cursor)) {
        get_busy(g);
    }
}

static bool ask_list(struct get *g, const struct id *cursor)
{
    struct message m = {.type = MESSAGE_LIST};

    m.list.limit = LIMIT_PAGE;
    m.list.cursor = *cursor;
    (void)snprintf(m.list.tag, sizeof(m.list.tag), "%s", api_judge0_tag);
    (void)snprintf(m.list.tenant, sizeof(m.list.tenant), "%s", g->x->who.tenant);
    g->number = api_link_ask(api_exchange_link(g->x), &m, 0, on_list, g);
    return g->number != 0;
}

/* A whole number of the query, or `fallback`. */
static long read_page(struct api_exchange *x, const char *name, long fallback)
{
    char word[16] = "";

    if (api_request_query(&x->req, name, word, sizeof(word)) != 1)
        return fallback;
    return strtol(word, NULL, 10);
}

void api_judge0_list(struct api_exchange *x)
{
    struct get *g = get_begin(x, GET_LIST);
    long page = read_page(x, "page", 1), per_page = read_page(x, "per_page", GET_PAGE);
    char text[64];

    if (!g)
        return;
    if (page <= 0 || per_page < 0 || page > GET_LIST_MAX) {
        (void)snprintf(text, sizeof(text), "invalid %s: %ld", per_page < 0 ? "per_page" : "page",
                       per_page < 0 ? per_page : page);
        get_refuse(g, 400, text);
        return;
    }
    g->page = (size_t)page;
    g->per_page = per_page > GET_PAGE_MAX ? GET_PAGE_MAX : (size_t)per_page;
    x->state = g;
    x->on_gone = get_gone;
    if (!ask_list(g, &(struct id){{0}}))
        get_busy(g);
}
