/* SPDX-License-Identifier: MPL-2.0 */
#include "api-bridge/event.h"

#include "api-bridge/view.h"
#include "base/own.h"

enum {
    EVENT_MAX = 16 * LIMIT_MIB,
    EVENT_RESULT_MAX = 64 * LIMIT_KIB, /* a larger result is fetched, not streamed */
    EVENT_TEXT_MAX = 128 * LIMIT_KIB,  /* escapes make six bytes of one: then it is put briefly */
};

static const char *const run_names[RESULT_EVENT_N] = {
#define X(id, name) name,
    RESULT_EVENTS(X)
#undef X
};

static const char *const names[MESSAGE_EVENT_N] = {
#define X(id, name) name,
    MESSAGE_EVENTS(X)
#undef X
};

static void open_event(struct buf *b, struct api_json_writer *w, const char *name)
{
    buf_init(b, EVENT_MAX);
    (void)buf_printf(b, "event: %s\ndata: ", name);
    api_json_writer_init(w, b);
    api_json_open(w, NULL, '{');
}

static struct api_event *close_event(struct buf *b, struct api_json_writer *w)
{
    struct api_event *e;

    api_json_close(w, '}');
    (void)buf_puts(b, "\n\n");
    e = own_calloc(1, sizeof(*e) + b->len);
    e->len = b->len;
    memcpy(e->text, b->data, b->len);
    buf_done(b);
    return e;
}

static void put_common(struct api_json_writer *w, const struct message_event *e, const char *name)
{
    char id[ID_TEXT_SIZE];

    api_json_put_str(w, "jobId", id_format(&e->jid, id));
    api_json_put_str(w, "type", name);
    api_view_time(w, "at", e->at_ms);
}

static void put_run(struct api_json_writer *w, const struct result_event *r, bool brief)
{
    static const struct api_view how = {0};

    switch (r->kind) {
    case RESULT_EVENT_COMPILED:
        api_json_put_int(w, "exitCode", r->exit_code);
        break;
    case RESULT_EVENT_TEST:
        api_view_test(w, "test", &r->test, &how);
        api_json_put_uint(w, "done", r->done);
        api_json_put_uint(w, "total", r->total);
        break;
    case RESULT_EVENT_PROGRESS:
        api_json_put_uint(w, "done", r->done);
        api_json_put_uint(w, "total", r->total);
        break;
    case RESULT_EVENT_OUTPUT:
        api_json_put_str(w, "stream", r->stream == 2 ? "stderr" : "stdout");
        api_view_bytes(w, "data", r->piece, false, brief);
        break;
    case RESULT_EVENT_N:
        break;
    }
}

static struct api_event *new_run(const struct message_event *e, bool brief)
{
    struct api_json_writer w;
    struct result_event r;
    struct buf b;

    if (result_event_decode(e->body, &r, NULL) < 0)
        return NULL;
    open_event(&b, &w, run_names[r.kind]);
    put_common(&w, e, run_names[r.kind]);
    put_run(&w, &r, brief);
    return close_event(&b, &w);
}

static void put_decided(struct api_json_writer *w, struct span body, bool brief)
{
    struct api_view how = {0};
    struct message_job job;

    if (message_job_decode(body, &job, NULL) < 0)
        return;
    how.without_result = brief || job.result.len > EVENT_RESULT_MAX;
    api_json_put_str(w, "state", message_state_name(job.state));
    if (how.without_result)
        api_json_put_bool(w, "resultOmitted", true);
    api_view_job(w, "job", &job, &how);
}

static struct api_event *new_step(const struct message_event *e, bool brief)
{
    struct api_json_writer w;
    struct buf b;

    if (e->kind == MESSAGE_EVENT_RUN)
        return new_run(e, brief);
    open_event(&b, &w, names[e->kind]);
    put_common(&w, e, names[e->kind]);
    if (e->kind == MESSAGE_EVENT_DECIDED)
        put_decided(&w, e->body, brief);
    return close_event(&b, &w);
}

struct api_event *api_event_new(const struct message_event *e)
{
    struct api_event *made;

    if ((unsigned)e->kind >= MESSAGE_EVENT_N)
        return NULL;
    made = new_step(e, false);
    if (made && made->len > EVENT_TEXT_MAX) {
        free(made);
        made = new_step(e, true);
    }
    if (!made)
        return NULL;
    made->seq = e->seq;
    made->final = e->kind == MESSAGE_EVENT_DECIDED;
    return made;
}

struct api_event *api_event_new_fault(const struct id *jid, const struct api_fault *f)
{
    struct api_json_writer w;
    struct api_event *made;
    char id[ID_TEXT_SIZE];
    struct buf b;

    if (api_fault_passes(f->code)) {
        made = own_calloc(1, sizeof(*made));
        made->final = made->lost = true;
        return made;
    }
    open_event(&b, &w, "failure");
    api_json_put_str(&w, "jobId", id_format(jid, id));
    api_json_put_str(&w, "type", "failure");
    api_json_put_str(&w, "code", api_fault_word(f->code));
    api_json_put_str(&w, "message", f->text);
    made = close_event(&b, &w);
    made->final = true;
    return made;
}

struct api_event *api_event_new_gap(const struct id *jid, uint64_t seq)
{
    struct message_event e = {.jid = *jid, .seq = seq, .kind = MESSAGE_EVENT_GAP};

    return api_event_new(&e);
}
