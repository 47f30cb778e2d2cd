/* SPDX-License-Identifier: MPL-2.0 */
/* What a client of a session may ask for in JSON. */
#include "api-bridge/session_state.h"

#include "api-bridge/json.h"
#include "api-bridge/languages.h"
#include "api-bridge/server.h"
#include "api-bridge/submit.h"
#include "base/own.h"

#include <errno.h>

enum {
    SESSION_SIDE_MAX = 1000,            /* of a terminal */
    SESSION_KEPT_MAX = 512 * LIMIT_KIB, /* of what was read already when reading stopped */
};

/* Before each message that is kept. */
struct kept {
    bool text;
    size_t len;
};

/* What of a job makes no sense here. */
static void check_job(const struct api_json_at *job, struct api_fault *f)
{
    static const char *const useless[] = {"testCases", "checker",  "interactor",    "callback",
                                          "delay",     "input",    "stopOnFailure", "stream",
                                          "attempts",  "priority", "backoff"};

    for (size_t i = 0; i < ARRAY_LEN(useless); i++) {
        struct api_json_at at = api_json_field(job, useless[i]);

        if (at.value)
            api_json_fault(&at, f, API_FAULT_BAD_VALUE, "cannot be given in a session");
    }
}

static void read_size(const struct api_json_at *at, struct message *m, struct api_fault *f)
{
    m->session.rows = (uint32_t)api_json_uint(at, "rows", SESSION_SIDE_MAX, 24, f);
    m->session.columns = (uint32_t)api_json_uint(at, "columns", SESSION_SIDE_MAX, 80, f);
}

/* "tty": true, false, or its size. */
static void read_tty(const struct api_json_at *root, struct message *m, struct api_fault *f)
{
    static const char *const known[] = {"rows", "columns"};
    struct api_json_at at = api_json_field(root, "tty");

    m->session.rows = 24;
    m->session.columns = 80;
    if (at.value && api_json_is_object(&at)) {
        api_json_known(&at, known, ARRAY_LEN(known), f);
        read_size(&at, m, f);
        m->session.tty = true;
    } else {
        m->session.tty = api_json_bool(root, "tty", false, f);
    }
}

static void seek(struct session *s, struct api_submission *job, struct message *m,
                 struct api_fault *f)
{
    auto_buf struct buf spec;

    buf_init(&spec, LIMIT_SPEC);
    api_languages_check(s->all->server->languages, &job->spec, f);
    (void)snprintf(job->spec.head.tenant, sizeof(job->spec.head.tenant), "%s", s->tenant);
    if (f->code)
        return;
    if (spec_encode(&job->spec, &spec) < 0) {
        api_fault_set(f, API_FAULT_TOO_LARGE, "the job is too large");
        return;
    }
    m->session.spec = buf_span(&spec);
    m->session.window = API_SESSION_WINDOW;
    s->out.upto = API_SESSION_WINDOW;
    s->tty = m->session.tty;
    s->state = SESSION_SEEKING;
    s->talk = api_talk_new(s->all->relay, m, &api_session_talk_events, s);
    if (!s->talk)
        api_fault_set(f, API_FAULT_TOO_LARGE, "the job is too large");
}

static void on_open(struct session *s, const struct api_json_at *root, struct api_fault *f)
{
    static const char *const known[] = {"type", "job", "tty"};
    struct message m = {.type = MESSAGE_SESSION_OPEN};
    struct api_submission job;
    struct api_json_at at;

    if (s->state != SESSION_WAITING) {
        api_fault_set(f, API_FAULT_BAD_VALUE, "the session is open already");
        return;
    }
    api_json_known(root, known, ARRAY_LEN(known), f);
    api_json_need(root, "job", f);
    at = api_json_object(root, "job", f);
    read_tty(root, &m, f);
    if (f->code)
        return;
    check_job(&at, f);
    api_submission_init(&job);
    api_submit_read(&job, &at, s->all->server->config, f);
    if (!f->code)
        seek(s, &job, &m, f);
    api_submission_done(&job);
    if (!f->code)
        api_websocket_max_set(s->ws, API_SESSION_MESSAGE_MAX);
}

void api_session_forward(struct session *s)
{
    struct message m = {.type = MESSAGE_SESSION_RESIZE};

    if (s->resized && s->state == SESSION_OPEN) {
        m.session.rows = s->rows;
        m.session.columns = s->columns;
        api_talk_send(s->talk, &m);
        s->resized = false;
    }
    for (int i = 1; s->started && s->signals >> i; i++) {
        m = (struct message){.type = MESSAGE_SESSION_SIGNAL};
        (void)snprintf(m.signal.name, sizeof(m.signal.name), "SIG%s", sigabbrev_np(i));
        if (s->signals & 1ULL << i)
            api_talk_send(s->talk, &m);
    }
    s->signals = s->started ? 0 : s->signals;
}

static void on_signal(struct session *s, const struct api_json_at *root, struct api_fault *f)
{
    static const char *const known[] = {"type", "signal"};
    struct api_json_at at = api_json_field(root, "signal");
    char name[sizeof(((struct message *)0)->signal.name)] = "";
    int number;

    api_json_known(root, known, ARRAY_LEN(known), f);
    api_json_need(root, "signal", f);
    api_json_word(root, "signal", name, sizeof(name), f);
    number = message_signal(name);
    if (!f->code && number == 0)
        api_json_fault(&at, f, API_FAULT_BAD_VALUE, "is none that can be sent");
    if (f->code)
        return;
    s->signals |= 1ULL << number;
    api_session_forward(s);
}

static void on_resize(struct session *s, const struct api_json_at *root, struct api_fault *f)
{
    static const char *const known[] = {"type", "rows", "columns"};
    struct message m;

    api_json_known(root, known, ARRAY_LEN(known), f);
    api_json_need(root, "rows", f);
    api_json_need(root, "columns", f);
    read_size(root, &m, f);
    if (!f->code && !s->tty)
        api_fault_set(f, API_FAULT_BAD_VALUE, "the session was not opened with a tty");
    if (f->code)
        return;
    s->resized = true;
    s->rows = m.session.rows;
    s->columns = m.session.columns;
    api_session_forward(s);
}

static void on_eof(struct session *s, const struct api_json_at *root, struct api_fault *f)
{
    static const char *const known[] = {"type"};

    api_json_known(root, known, ARRAY_LEN(known), f);
    if (f->code)
        return;
    /* A terminal's input goes on behind it. */
    s->input_done = !s->tty;
    s->input_last = true;
    api_session_pump(s);
}

static void on_close(struct session *s, const struct api_json_at *root, struct api_fault *f)
{
    struct message m = {.type = MESSAGE_SESSION_CLOSE};

    (void)root;
    (void)f;
    if (s->state == SESSION_OPEN)
        api_talk_send(s->talk, &m);
    else /* no node has it: there is nobody who would say so */
        api_session_close(s, API_WS_NORMAL, "closed");
}

static const struct {
    const char *type;
    void (*take)(struct session *s, const struct api_json_at *root, struct api_fault *f);
    bool opened; /* needs a node that took the session */
} texts[] = {{"open", on_open, false},
             {"signal", on_signal, true},
             {"resize", on_resize, true},
             {"eof", on_eof, true},
             {"close", on_close, true}};

static void take_text(struct session *s, const struct api_json_at *root, struct api_fault *f)
{
    struct api_json_at at = api_json_field(root, "type");
    char type[16] = "";

    if (!api_json_is_object(root)) {
        api_fault_set(f, API_FAULT_BAD_TYPE, "a message must be an object");
        return;
    }
    api_json_need(root, "type", f);
    api_json_word(root, "type", type, sizeof(type), f);
    for (size_t i = 0; i < ARRAY_LEN(texts) && !f->code; i++) {
        if (strcmp(texts[i].type, type) != 0)
            continue;
        if (texts[i].opened && s->state == SESSION_WAITING)
            api_fault_set(f, API_FAULT_BAD_VALUE, "the first message must be an \"open\"");
        else
            texts[i].take(s, root, f);
        return;
    }
    api_json_fault(&at, f, API_FAULT_BAD_VALUE, "must be open, signal, resize, eof or close");
}

/* `f` is what was wrong with its JSON, if anything was. */
static void take(struct session *s, const struct api_json *tree, struct api_fault *f)
{
    struct api_json_at root = api_json_root(tree);

    if (tree)
        take_text(s, &root, f);
    if (!f->code)
        return;
    /* A session that never began ends with its first mistake. */
    if (s->state == SESSION_WAITING || !s->talk)
        api_session_refuse(
            s, api_fault_status(f->code) == 503 ? API_WS_TRY_LATER : API_SESSION_REFUSED, f);
    else
        (void)api_session_error(s, f);
}

/* --- the first ------------------------------------------------------------------------------ */

static void parse(void *ctx)
{
    struct api_session_opening *o = ctx;

    o->tree = api_json_parse(buf_span(&o->text), &o->fault);
}

/* Takes what came meanwhile, as long as there is a session to take it. */
static void catch_up(struct api_session_opening *o)
{
    struct span rest = buf_span(&o->kept);
    struct kept head;

    while (o->s && o->s->talk && rest.len > 0) {
        struct span bytes = {rest.data + sizeof(head), 0};

        memcpy(&head, rest.data, sizeof(head));
        bytes.len = head.len;
        rest = (struct span){bytes.data + bytes.len, rest.len - sizeof(head) - bytes.len};
        api_session_message(o->s, head.text, bytes);
    }
}

static void on_parsed(void *ctx)
{
    struct api_session_opening *o = ctx;

    if (o->s)
        take(o->s, o->tree, &o->fault);
    catch_up(o);
    if (o->s) {
        o->s->opening = NULL;
        api_session_pump(o->s);
    }
    api_json_free(o->tree);
    buf_done(&o->text);
    buf_done(&o->kept);
    free(o);
}

static void begin(struct session *s, struct span bytes)
{
    struct api_session_opening *o = own_calloc(1, sizeof(*o));

    o->s = s;
    s->opening = o;
    buf_init(&o->text, bytes.len);
    (void)buf_put(&o->text, bytes.data, bytes.len);
    buf_init(&o->kept, SESSION_KEPT_MAX);
    o->work = (struct api_work){.read = parse, .done = on_parsed, .ctx = o};
    api_websocket_read(s->ws, false);
    api_work_do(&o->work, &s->all->server->loop, bytes.len);
}

int api_session_keep(struct session *s, bool text, struct span bytes)
{
    const struct kept head = {.text = text, .len = bytes.len};
    struct buf *b = &s->opening->kept;

    return buf_put(b, &head, sizeof(head)) < 0 || buf_put(b, bytes.data, bytes.len) < 0 ? -ENOBUFS
                                                                                        : 0;
}

void api_session_order(struct session *s, struct span bytes)
{
    struct api_fault f = {0};
    struct api_json *tree;

    if (s->state == SESSION_WAITING) {
        begin(s, bytes);
        return;
    }
    tree = api_json_parse(bytes, &f);
    take(s, tree, &f);
    api_json_free(tree);
}
