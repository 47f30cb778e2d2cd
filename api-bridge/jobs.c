/* SPDX-License-Identifier: MPL-2.0 */
/* GET and DELETE /api/jobs/:id, and GET /api/jobs. */
#include "api-bridge/cache.h"
#include "api-bridge/config.h"
#include "api-bridge/route.h"
#include "api-bridge/server.h"
#include "api-bridge/view.h"
#include "api-bridge/wait.h"
#include "base/own.h"

enum { JOBS_PAGE = 50, JOBS_PAGE_MAX = 1000 };

struct jobs {
    struct api_exchange *x;
    struct api_wait *wait;
    uint64_t number; /* of the question under way */
    struct api_view how;
    struct id jid;
    bool cancelling;
};

static void on_gone(struct api_exchange *x)
{
    struct jobs *j = x->state;

    api_wait_free(j->wait);
    api_link_forget(api_exchange_link(x), j->number);
    free(j);
}

static void on_stop(struct api_exchange *x)
{
    struct jobs *j = x->state;

    if (j->wait)
        api_wait_hurry(j->wait);
}

static struct jobs *jobs_new(struct api_exchange *x)
{
    struct jobs *j = own_calloc(1, sizeof(*j));

    j->x = x;
    x->state = j;
    x->on_gone = on_gone;
    x->on_stop = on_stop;
    return j;
}

static void fail(struct jobs *j, const struct api_fault *f)
{
    struct api_exchange *x = j->x;

    free(j);
    api_answer_fault(x, f);
}

/* A job id that is none names no job. */
static bool read_id(struct api_exchange *x, struct id *ret_jid)
{
    struct span text = x->req.params[0];
    char id[ID_TEXT_SIZE] = "";

    if (text.len == ID_TEXT_LEN)
        memcpy(id, text.data, text.len);
    return id_parse(id, ret_jid) == 0;
}

static void read_encoding(struct api_exchange *x, struct api_view *how, struct api_fault *f)
{
    char word[16] = "";

    if (api_request_query(&x->req, "encoding", word, sizeof(word)) != 0 &&
        strcmp(word, "base64") != 0 && strcmp(word, "utf8") != 0)
        api_fault_field(f, API_FAULT_BAD_VALUE, "encoding", "encoding must be utf8 or base64");
    how->base64 = strcmp(word, "base64") == 0;
}

/* The answer from before, when the job was decided then. */
static bool answer_again(struct api_exchange *x, const struct id *jid, const struct api_view *how)
{
    struct api_cache_key key = {.jid = *jid, .base64 = how->base64, .tenant = x->who.tenant};
    struct span body = api_cache_get(x->server->cache, &key, uv_now(&x->server->loop));

    if (!body.data)
        return false;
    (void)buf_put(&x->body, body.data, body.len);
    api_answer(x, 200, NULL);
    return true;
}

static void answer_job(struct jobs *j, const struct message_job *job)
{
    struct api_cache_key key = {.jid = j->jid, .base64 = j->how.base64, .tenant = job->tenant};
    struct api_exchange *x = j->x;
    struct api_json_writer w;

    api_json_writer_init(&w, &x->body);
    api_view_job(&w, NULL, job, &j->how);
    if (message_state_final(job->state) && !x->body.full &&
        (job->state != MESSAGE_STATE_COMPLETED || job->result.len > 0))
        api_cache_put(x->server->cache, &key, buf_span(&x->body), uv_now(&x->server->loop));
    free(j);
    api_answer(x, 200, NULL);
}

static void on_view(void *ctx, const struct message_job *job, const struct api_fault *f)
{
    struct jobs *j = ctx;
    struct api_fault late = {0};

    j->wait = NULL;
    if (!f && j->cancelling && job->state != MESSAGE_STATE_CANCELLED &&
        message_state_final(job->state)) {
        api_fault_set(&late, API_FAULT_NOT_CANCELLABLE, "the job is already %s",
                      message_state_name(job->state));
        f = &late;
    }
    if (f)
        fail(j, f);
    else
        answer_job(j, job);
}

static void look(struct jobs *j, uint32_t wait_ms)
{
    struct api_fault f = {0};

    j->wait = api_wait_new(api_exchange_link(j->x),
                           &(struct api_wait_for){j->jid, j->x->who.tenant, wait_ms}, on_view, j);
    if (j->wait)
        return;
    api_fault_set(&f, API_FAULT_BUSY, NULL);
    fail(j, &f);
}

void api_jobs_get(struct api_exchange *x)
{
    static const char *const known[] = {"wait", "encoding"};
    struct api_view how = {0};
    struct api_fault f = {0};
    struct id jid = {0};
    struct jobs *j;
    uint32_t wait_ms;

    api_request_query_known(&x->req, known, ARRAY_LEN(known), &f);
    wait_ms = api_request_query_seconds(&x->req, "wait", api_exchange_config(x)->wait_ms_max / 1000,
                                        0, &f);
    read_encoding(x, &how, &f);
    if (!f.code && !read_id(x, &jid))
        api_fault_set(&f, API_FAULT_JOB_NOT_FOUND, NULL);
    if (f.code) {
        api_answer_fault(x, &f);
        return;
    }
    if (answer_again(x, &jid, &how))
        return;
    x->patient = wait_ms > 0;
    j = jobs_new(x);
    j->jid = jid;
    j->how = how;
    look(j, wait_ms);
}

static void on_cancelled(void *ctx, const struct message *m, const struct api_fault *f)
{
    struct jobs *j = ctx;

    (void)m;
    j->number = 0;
    if (f)
        fail(j, f);
    else
        look(j, 0);
}

void api_jobs_delete(struct api_exchange *x)
{
    struct jobs *j = jobs_new(x);
    struct message m = {.type = MESSAGE_CANCEL};
    struct api_fault f = {0};

    j->cancelling = true;
    if (!read_id(x, &j->jid)) {
        api_fault_set(&f, API_FAULT_JOB_NOT_FOUND, NULL);
        fail(j, &f);
        return;
    }
    m.job.jid = j->jid;
    (void)snprintf(m.job.tenant, sizeof(m.job.tenant), "%s", x->who.tenant);
    j->number = api_link_ask(api_exchange_link(x), &m, 0, on_cancelled, j);
    if (j->number)
        return;
    api_fault_set(&f, API_FAULT_BUSY, NULL);
    fail(j, &f);
}

static void on_list(void *ctx, const struct message *m, const struct api_fault *f)
{
    struct jobs *j = ctx;
    struct api_exchange *x = j->x;
    struct api_json_writer w;
    char id[ID_TEXT_SIZE];

    j->number = 0;
    if (f) {
        fail(j, f);
        return;
    }
    api_json_writer_init(&w, &x->body);
    api_json_open(&w, NULL, '{');
    api_json_open(&w, "jobs", '[');
    for (uint32_t i = 0; i < m->jobs.n; i++)
        api_view_job(&w, NULL, &m->jobs.jobs[i], &j->how);
    api_json_close(&w, ']');
    if (id_is_zero(&m->jobs.cursor))
        api_json_put_null(&w, "next");
    else
        api_json_put_str(&w, "next", id_format(&m->jobs.cursor, id));
    if (m->jobs.partial)
        api_json_put_bool(&w, "partial", true);
    api_json_close(&w, '}');
    free(j);
    api_answer(x, 200, NULL);
}

/* "queued,active" as bits; 0 = all. */
static uint8_t read_states(const struct api_request *r, struct api_fault *f)
{
    char text[128] = "";
    uint8_t states = 0;

    if (api_request_query(r, "state", text, sizeof(text)) < 0)
        api_fault_field(f, API_FAULT_BAD_VALUE, "state", "state is not usable");
    for (const char *at = text; *at; at += *at == ',') {
        size_t len = strcspn(at, ",");
        enum message_state s = 0;

        while (s < MESSAGE_STATE_N && (strlen(message_state_name(s)) != len ||
                                       strncmp(message_state_name(s), at, len) != 0))
            s++;
        if (s == MESSAGE_STATE_N)
            api_fault_field(f, API_FAULT_BAD_VALUE, "state", "\"%.*s\" is not a state", (int)len,
                            at);
        else
            states |= (uint8_t)(1U << s);
        at += len;
    }
    return states;
}

static void read_list(struct api_exchange *x, struct message *m, struct api_fault *f)
{
    static const char *const known[] = {"tag", "state", "cursor", "limit"};
    char word[ID_TEXT_SIZE] = "";
    unsigned long limit;
    char *end;
    int there;

    api_request_query_known(&x->req, known, ARRAY_LEN(known), f);
    if (api_request_query(&x->req, "tag", m->list.tag, sizeof(m->list.tag)) < 0)
        api_fault_field(f, API_FAULT_BAD_VALUE, "tag", "tag must have at most %d bytes", LIMIT_TAG);
    m->list.states = read_states(&x->req, f);
    there = api_request_query(&x->req, "cursor", word, sizeof(word));
    if (there < 0 || (there > 0 && id_parse(word, &m->list.cursor) < 0))
        api_fault_field(f, API_FAULT_BAD_VALUE, "cursor", "cursor must come from an earlier page");
    m->list.limit = JOBS_PAGE;
    there = api_request_query(&x->req, "limit", word, sizeof(word));
    if (there == 0)
        return;
    limit = strtoul(word, &end, 10);
    m->list.limit = (uint32_t)limit;
    if (there < 0 || *end || word[0] < '0' || word[0] > '9' || limit < 1 || limit > JOBS_PAGE_MAX)
        api_fault_field(f, API_FAULT_OUT_OF_RANGE, "limit", "limit must be between 1 and %d",
                        JOBS_PAGE_MAX);
}

void api_jobs_list(struct api_exchange *x)
{
    struct jobs *j = jobs_new(x);
    struct message m = {.type = MESSAGE_LIST};
    struct api_fault f = {0};

    j->how.without_result = true;
    read_list(x, &m, &f);
    (void)snprintf(m.list.tenant, sizeof(m.list.tenant), "%s", x->who.tenant);
    if (!f.code) {
        j->number = api_link_ask(api_exchange_link(x), &m, 0, on_list, j);
        if (j->number)
            return;
        api_fault_set(&f, API_FAULT_BUSY, NULL);
    }
    fail(j, &f);
}
