/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Piston's API version 2, so that its clients move without a change:
 *
 *   GET  /api/v2/runtimes  the languages
 *   POST /api/v2/execute   runs a program and answers when it is done
 *
 * Times in it are milliseconds. What goes wrong is {"message": "..."}, as its clients expect.
 */
#include "api-bridge/languages.h"
#include "api-bridge/route.h"
#include "api-bridge/server.h"
#include "api-bridge/submit.h"
#include "api-bridge/view.h"
#include "api-bridge/wait.h"
#include "api-bridge/work.h"
#include "base/own.h"

enum { PISTON_MS_MAX = 3600 * 1000, PISTON_ENCODING_MAX = 8 };

struct piston {
    struct api_exchange *x; /* NULL: the client left */
    struct api_work work;
    struct buf body;
    struct api_json *tree;
    struct api_submission submission;
    struct api_fault fault;
    uint64_t number; /* of the SUBMIT under way */
    struct id jid;   /* once it was accepted */
    struct api_wait *wait;
    bool stopping; /* the server is: what there is must do */
};

static void piston_free(struct piston *p)
{
    api_submission_done(&p->submission);
    api_json_free(p->tree);
    buf_done(&p->body);
    free(p);
}

static void piston_gone(struct api_exchange *x)
{
    struct piston *p = x->state;

    p->x = NULL;
    if (p->work.away)
        return; /* the worker's end frees it */
    api_link_forget(api_exchange_link(x), p->number);
    api_wait_free(p->wait);
    piston_free(p);
}

static void piston_stop(struct api_exchange *x)
{
    struct piston *p = x->state;

    p->stopping = true;
    if (p->wait)
        api_wait_hurry(p->wait);
}

static void piston_fail(struct piston *p, const struct api_fault *f)
{
    struct api_exchange *x = p->x;
    struct api_fault copy = *f;

    piston_free(p);
    api_answer_fault(x, &copy);
}

/* False, and answered, when the configuration switches this API off. */
static bool piston_is_on(struct api_exchange *x)
{
    if (config_bool(api_exchange_config(x)->raw, "ARENA_COMPAT_PISTON"))
        return true;
    api_answer_code(x, API_FAULT_NOT_FOUND);
    return false;
}

/* --- the answer --------------------------------------------------------------------------------
 */

/* Its words for how a run ended: run-time error, signal, time, output, or nothing. */
static const char *piston_status(const struct result_run *run, enum result_verdict verdict)
{
    if (verdict == RESULT_TIME_LIMIT)
        return "TO";
    if (verdict == RESULT_OUTPUT_LIMIT)
        return "OL";
    if (run->signal)
        return "SG";
    return run->exit_code ? "RE" : NULL;
}

static void piston_text(struct api_json_writer *w, const char *key, const char *text)
{
    if (text)
        api_json_put_str(w, key, text);
    else
        api_json_put_null(w, key);
}

static void piston_stage(struct api_json_writer *w, const char *key, const struct result_run *run,
                         enum result_verdict verdict, const char *message)
{
    auto_buf struct buf both = {.max = LIMIT_RESULT};

    (void)buf_put(&both, run->out.data, run->out.len);
    (void)buf_put(&both, run->err.data, run->err.len);
    api_json_open(w, key, '{');
    api_json_put_text(w, "stdout", run->out);
    api_json_put_text(w, "stderr", run->err);
    api_json_put_text(w, "output", buf_span(&both));
    if (run->signal)
        api_json_put_null(w, "code");
    else
        api_json_put_int(w, "code", run->exit_code);
    api_view_signal(w, "signal", run->signal);
    piston_text(w, "message", message);
    piston_text(w, "status", piston_status(run, verdict));
    api_json_put_uint(w, "cpu_time", run->cpu_us / 1000);
    api_json_put_uint(w, "wall_time", run->wall_us / 1000);
    api_json_put_uint(w, "memory", run->memory);
    api_json_close(w, '}');
}

static void piston_answer(struct piston *p, const struct message_job *job, const struct result *r)
{
    struct api_exchange *x = p->x;
    struct api_json_writer w;
    const char *why = r->verdict == RESULT_ACCEPTED ? NULL : r->cause.detail;
    bool compiled = r->verdict != RESULT_COMPILE_ERROR;

    api_json_writer_init(&w, &x->body);
    api_json_open(&w, NULL, '{');
    if (compiled)
        piston_stage(&w, "run", &r->run, r->verdict, why);
    if (r->has_compile)
        piston_stage(&w, "compile", &r->compile, RESULT_COMPILE_ERROR, compiled ? NULL : why);
    api_json_put_str(&w, "language", job->language);
    api_json_put_str(&w, "version", r->version);
    api_json_close(&w, '}');
    piston_free(p);
    api_answer(x, 200, NULL);
}

static void piston_on_view(void *ctx, const struct message_job *job, const struct api_fault *f);

/* Until it is done, for as long as its client stays: nobody could ask for it later. */
static void piston_wait(struct piston *p)
{
    const struct api_exchange *x = p->x;
    struct api_wait_for what = {p->jid, x->who.tenant,
                                p->stopping ? 0 : api_exchange_config(x)->wait_ms_max};
    struct api_fault busy = {0};

    p->wait = api_wait_new(api_exchange_link(x), &what, piston_on_view, p);
    if (p->wait)
        return;
    api_fault_set(&busy, API_FAULT_BUSY, NULL);
    piston_fail(p, &busy);
}

static void piston_on_view(void *ctx, const struct message_job *job, const struct api_fault *f)
{
    struct piston *p = ctx;
    struct api_fault fault = {0};
    struct err err = {0};
    struct result result;

    p->wait = NULL;
    if (f) {
        piston_fail(p, f);
        return;
    }
    if (job->state == MESSAGE_STATE_COMPLETED && result_decode(job->result, &result, &err) == 0) {
        piston_answer(p, job, &result);
        result_done(&result);
        return;
    }
    if (!message_state_final(job->state) && !p->stopping) {
        piston_wait(p);
        return;
    }
    if (message_state_final(job->state))
        api_fault_set(&fault, API_FAULT_INTERNAL, "%s", job->reason);
    else
        api_fault_set(&fault, API_FAULT_DRAINING, NULL);
    piston_fail(p, &fault);
}

static void piston_on_accepted(void *ctx, const struct message *m, const struct api_fault *f)
{
    struct piston *p = ctx;

    p->number = 0;
    if (f) {
        piston_fail(p, f);
        return;
    }
    p->jid = m->accepted.jid;
    piston_wait(p);
}

/* --- the question ------------------------------------------------------------------------------
 */

/* A limit in ms or bytes; absent or -1 is the server's default. */
static uint64_t piston_limit(const struct api_json_at *body, const char *key, uint64_t max,
                             struct api_fault *f)
{
    struct api_json_at at = api_json_field(body, key);
    int64_t v;

    if (!at.value)
        return 0;
    if (!api_json_as_int(&at, &v) || v < -1 || (v > 0 && (uint64_t)v > max)) {
        api_fault_field(f, API_FAULT_OUT_OF_RANGE, key, "%s must be a number from 0 to %llu", key,
                        (unsigned long long)max);
        return 0;
    }
    return v > 0 ? (uint64_t)v : 0;
}

static void piston_read_limits(struct piston *p, const struct api_json_at *body)
{
    const struct spec_limits *most = &api_exchange_config(p->x)->ceiling;
    struct spec_limits *l = &p->submission.spec.limits;
    struct api_fault *f = &p->fault;

    l->wall_ms = piston_limit(body, "run_timeout", PISTON_MS_MAX, f);
    l->cpu_ms = piston_limit(body, "run_cpu_time", PISTON_MS_MAX, f);
    l->compile_ms = piston_limit(body, "compile_timeout", PISTON_MS_MAX, f);
    l->memory = piston_limit(body, "run_memory_limit", most->memory, f);
    l->compile_memory = piston_limit(body, "compile_memory_limit", most->compile_memory, f);
    /* More time than the server gives is no error to Piston's clients: they get what there is. */
    l->wall_ms = l->wall_ms > most->wall_ms ? most->wall_ms : l->wall_ms;
    l->cpu_ms = l->cpu_ms > most->cpu_ms ? most->cpu_ms : l->cpu_ms;
    l->compile_ms = l->compile_ms > most->compile_ms ? most->compile_ms : l->compile_ms;
}

static struct span piston_unhex(struct piston *p, struct span text, const struct api_json_at *at)
{
    uint8_t *bytes = api_submission_keep(&p->submission, text.len / 2 + 1, 1);
    bool good = text.len % 2 == 0;

    for (size_t i = 0; i < text.len / 2 && good; i++) {
        int hi = api_hex_digit(text.data[2 * i]), lo = api_hex_digit(text.data[2 * i + 1]);

        good = hi >= 0 && lo >= 0;
        bytes[i] = good ? (uint8_t)(hi << 4 | lo) : 0;
    }
    if (!good)
        api_json_fault(at, &p->fault, API_FAULT_BAD_VALUE, "is not valid hex");
    return (struct span){bytes, text.len / 2};
}

static void piston_read_file(struct piston *p, const struct api_json_at *at, struct spec_file *file)
{
    char encoding[PISTON_ENCODING_MAX + 1];
    struct api_json_at content = api_json_field(at, "content");
    struct api_fault *f = &p->fault;
    struct span text = api_json_text(at, "content", LIMIT_SPEC, f);

    api_json_need(at, "content", f);
    api_json_word(at, "name", file->name, sizeof(file->name), f);
    api_json_word(at, "encoding", encoding, sizeof(encoding), f);
    if (encoding[0] && strcmp(encoding, "utf8") != 0 && strcmp(encoding, "base64") != 0 &&
        strcmp(encoding, "hex") != 0)
        api_json_fault(at, f, API_FAULT_BAD_VALUE, "encoding must be utf8, base64 or hex");
    if (file->name[0] && !spec_name_ok(file->name))
        api_json_fault(at, f, API_FAULT_BAD_VALUE, "the name is not a plain relative name");
    if (strcmp(encoding, "hex") == 0)
        file->content = piston_unhex(p, text, &content);
    else
        file->content = api_submission_bytes(&p->submission, text, strcmp(encoding, "base64") == 0,
                                             &content, f);
}

static void piston_read_files(struct piston *p, const struct api_json_at *body)
{
    struct api_json_at list = api_json_array(body, "files", LIMIT_FILES, &p->fault);
    struct spec *spec = &p->submission.spec;
    uint64_t bytes = 0;

    api_json_need(body, "files", &p->fault);
    if (p->fault.code || api_json_len(&list) == 0) {
        api_fault_set(&p->fault, API_FAULT_MISSING_FIELD, "files must not be empty");
        return;
    }
    spec->n_files = (uint32_t)api_json_len(&list);
    spec->files = api_submission_keep(&p->submission, spec->n_files, sizeof(*spec->files));
    for (uint32_t i = 0; i < spec->n_files; i++) {
        struct api_json_at at = api_json_item(&list, i);

        if (!api_json_is_object(&at))
            api_json_fault(&at, &p->fault, API_FAULT_BAD_TYPE, "must be an object");
        else
            piston_read_file(p, &at, &spec->files[i]);
        /* The first is the language's to name: it is the one that is run. */
        if (i > 0 && !spec->files[i].name[0])
            (void)snprintf(spec->files[i].name, sizeof(spec->files[i].name), "file%u.code", i);
        bytes += spec->files[i].content.len;
    }
    if (bytes > api_exchange_config(p->x)->code_max)
        api_fault_set(&p->fault, API_FAULT_TOO_LARGE, "the files are larger than %llu bytes",
                      (unsigned long long)api_exchange_config(p->x)->code_max);
}

static void piston_read_args(struct piston *p, const struct api_json_at *body)
{
    struct api_json_at list = api_json_array(body, "args", LIMIT_ARGS, &p->fault);
    struct spec *spec = &p->submission.spec;

    if (!list.value)
        return;
    spec->n_args = (uint32_t)api_json_len(&list);
    spec->args = api_submission_keep(&p->submission, spec->n_args, sizeof(*spec->args));
    for (uint32_t i = 0; i < spec->n_args; i++) {
        struct api_json_at at = api_json_item(&list, i);

        spec->args[i] = api_json_as_text(&at, LIMIT_ARG, &p->fault);
    }
}

static void piston_read(struct piston *p)
{
    struct api_fault *f = &p->fault;
    struct spec *spec = &p->submission.spec;
    struct api_json_at body = api_json_root(p->tree);

    if (!p->tree)
        return;
    if (!api_json_is_object(&body)) {
        api_fault_set(f, API_FAULT_BAD_TYPE, "the body must be an object");
        return;
    }
    api_json_need(&body, "language", f);
    api_json_need(&body, "version", f);
    api_json_word(&body, "language", spec->head.language, sizeof(spec->head.language), f);
    api_json_word(&body, "version", spec->version, sizeof(spec->version), f);
    if (strcmp(spec->version, "*") == 0)
        spec->version[0] = '\0';
    spec->input = api_json_text(&body, "stdin", LIMIT_SPEC, f);
    piston_read_files(p, &body);
    piston_read_args(p, &body);
    piston_read_limits(p, &body);
}

/* Once all have one. */
static void piston_check_names(struct piston *p)
{
    struct api_json_at body = api_json_root(p->tree);
    struct api_json_at list = api_json_field(&body, "files");

    api_submission_names_check(&p->submission, &list, &p->fault);
}

static void piston_parse(void *ctx)
{
    struct piston *p = ctx;

    p->tree = api_json_parse(buf_span(&p->body), &p->fault);
}

static void piston_submit(void *ctx)
{
    struct piston *p = ctx;
    struct api_exchange *x = p->x;

    if (!x) {
        piston_free(p);
        return;
    }
    piston_read(p);
    if (!p->fault.code)
        api_languages_check(x->server->languages, &p->submission.spec, &p->fault);
    if (!p->fault.code)
        piston_check_names(p);
    if (!p->fault.code) {
        api_submit_key(&p->submission, x->who.tenant, (struct span){0});
        p->number =
            api_submit_send(api_exchange_link(x), &p->submission, piston_on_accepted, p, &p->fault);
    }
    if (p->fault.code)
        piston_fail(p, &p->fault);
}

void api_piston_execute(struct api_exchange *x)
{
    struct piston *p;

    if (!piston_is_on(x))
        return;
    p = own_calloc(1, sizeof(*p));
    p->x = x;
    api_submission_init(&p->submission);
    x->state = p;
    x->on_gone = piston_gone;
    x->on_stop = piston_stop;
    x->patient = true;
    p->body = x->req.body;
    buf_init(&x->req.body, 0);
    p->work = (struct api_work){.read = piston_parse, .done = piston_submit, .ctx = p};
    api_work_do(&p->work, &x->server->loop, p->body.len);
}

void api_piston_runtimes(struct api_exchange *x)
{
    const struct api_languages *all = x->server->languages;
    struct api_json_writer w;
    struct api_fault f = {0};

    if (!piston_is_on(x))
        return;
    if (!api_languages_known(all, &f)) {
        api_answer_fault(x, &f);
        return;
    }
    api_json_writer_init(&w, &x->body);
    api_json_open(&w, NULL, '[');
    for (size_t i = 0; i < api_languages_len(all); i++) {
        struct api_language l = api_languages_at(all, i);
        struct api_json_at aliases = api_json_field(&l.profile, "aliases");
        auto_buf struct buf text = {.max = LIMIT_MIB};

        api_json_open(&w, NULL, '{');
        api_json_put_str(&w, "language", l.name);
        api_json_put_str(&w, "version", l.version);
        if (aliases.value && api_json_dump(&aliases, &text) == 0)
            api_json_put_raw(&w, "aliases", buf_span(&text));
        api_json_close(&w, '}');
    }
    api_json_close(&w, ']');
    api_answer(x, 200, NULL);
}
