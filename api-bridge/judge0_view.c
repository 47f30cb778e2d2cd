/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A job as Judge0 shows a submission: a table of its fields in the order of its answers, and
 * one function for each that has a value. Texts end a line of base64 after 60 characters, as
 * Ruby does. Messages are those of its sandbox, isolate.
 */
#include "api-bridge/judge0_view.h"
#include "api-bridge/base64.h"
#include "api-bridge/view.h"
#include "base/own.h"

#include <signal.h>

enum { VIEW_LINE = 60, VIEW_NAME_MAX = LIMIT_NAME * 2, VIEW_LIST_MAX = 1024 };

static enum api_judge0_status status_of_run(const struct result_run *run)
{
    switch (run->signal) {
    case 0:
        return run->exit_code ? JUDGE0_STATUS_NZEC : JUDGE0_STATUS_OTHER;
    case SIGSEGV:
        return JUDGE0_STATUS_SIGSEGV;
    case SIGXFSZ:
        return JUDGE0_STATUS_SIGXFSZ;
    case SIGFPE:
        return JUDGE0_STATUS_SIGFPE;
    case SIGABRT:
        return JUDGE0_STATUS_SIGABRT;
    default:
        return JUDGE0_STATUS_OTHER;
    }
}

static enum api_judge0_status status_of_result(const struct result *r)
{
    switch (r->verdict) {
    case RESULT_ACCEPTED:
        return JUDGE0_STATUS_ACCEPTED;
    case RESULT_WRONG_ANSWER:
        return JUDGE0_STATUS_WRONG_ANSWER;
    case RESULT_TIME_LIMIT:
        return JUDGE0_STATUS_TIME_LIMIT;
    case RESULT_COMPILE_ERROR:
        return JUDGE0_STATUS_COMPILATION;
    case RESULT_OUTPUT_LIMIT:
        return JUDGE0_STATUS_SIGXFSZ;
    case RESULT_MEMORY_LIMIT:
    case RESULT_RUNTIME_ERROR:
        return status_of_run(&r->run);
    default:
        return JUDGE0_STATUS_INTERNAL;
    }
}

enum api_judge0_status api_judge0_status(const struct message_job *job, const struct result *r)
{
    if (r)
        return status_of_result(r);
    if (job->state == MESSAGE_STATE_ACTIVE)
        return JUDGE0_STATUS_PROCESS;
    return message_state_final(job->state) ? JUDGE0_STATUS_INTERNAL : JUDGE0_STATUS_QUEUE;
}

/* --- values ---------------------------------------------------------------------------------- */

void api_judge0_put_text(struct api_judge0_shown *v, const char *key, struct span text)
{
    auto_buf struct buf plain = {.max = LIMIT_FRAME_BULK}, lines = {.max = LIMIT_FRAME_BULK * 2};

    if (text.len == 0) {
        api_json_put_null(v->w, key);
        return;
    }
    if (!v->how->base64) {
        v->garbled |= !api_utf8_ok(text);
        api_json_put_text(v->w, key, text);
        return;
    }
    (void)api_base64_encode(text, API_BASE64_STANDARD, &plain);
    for (size_t at = 0; at < plain.len; at += VIEW_LINE) {
        size_t left = plain.len - at;

        (void)buf_put(&lines, plain.data + at, left < VIEW_LINE ? left : VIEW_LINE);
        (void)buf_putc(&lines, '\n');
    }
    api_json_put_text(v->w, key, buf_span(&lines));
}

/* Its decimals are strings without zeros at the end: "0.002", "1.0". */
void api_judge0_put_decimal(struct api_judge0_shown *v, const char *key, uint64_t us)
{
    char text[40];
    size_t len;

    (void)snprintf(text, sizeof(text), "%.3f", (double)us / 1e6);
    for (len = strlen(text); text[len - 1] == '0' && text[len - 2] != '.'; len--)
        text[len - 1] = '\0';
    api_json_put_str(v->w, key, text);
}

static void put_when(struct api_judge0_shown *v, const char *key, int64_t ms)
{
    if (ms)
        api_view_time(v->w, key, ms);
    else
        api_json_put_null(v->w, key);
}

static void put_word(struct api_judge0_shown *v, const char *key, const char *text)
{
    if (text[0])
        api_json_put_str(v->w, key, text);
    else
        api_json_put_null(v->w, key);
}

/* The program was run: else its figures are null. */
static bool has_run(const struct api_judge0_shown *v)
{
    return v->r && v->r->verdict != RESULT_COMPILE_ERROR;
}

/* Several runs of one submission count with their mean. */
static uint64_t mean(const struct result *r, uint64_t (*figure)(const struct result_run *run))
{
    uint64_t sum = 0, n = 0;

    for (uint32_t i = 0; i < r->n_tests; i++) {
        if (r->tests[i].verdict == RESULT_SKIPPED)
            continue;
        sum += figure(&r->tests[i].run);
        n++;
    }
    return n ? sum / n : figure(&r->run);
}

static uint64_t figure_cpu(const struct result_run *run)
{
    return run->cpu_us;
}

static uint64_t figure_wall(const struct result_run *run)
{
    return run->wall_us;
}

static uint64_t figure_memory(const struct result_run *run)
{
    return run->memory;
}

static const struct api_judge0_language *language_of(const struct message_job *job)
{
    size_t len = strlen(api_judge0_tag);

    for (uint8_t i = 0; i < job->n_tags; i++) {
        if (strncmp(job->tags[i], api_judge0_tag, len) == 0 && job->tags[i][len] == ':')
            return api_judge0_language(strtol(job->tags[i] + len + 1, NULL, 10));
    }
    for (size_t i = 0; i < api_judge0_n_languages; i++) {
        if (strcmp(api_judge0_languages[i].language, job->language) == 0)
            return &api_judge0_languages[i];
    }
    return NULL;
}

/* --- fields ---------------------------------------------------------------------------------- */

static void field_language_id(struct api_judge0_shown *v, const char *key)
{
    const struct api_judge0_language *l = language_of(v->job);

    if (l)
        api_json_put_int(v->w, key, l->id);
    else
        api_json_put_null(v->w, key);
}

static bool has_output(const struct api_judge0_shown *v)
{
    return has_run(v) && !api_view_hides(v->r);
}

static void field_stdout(struct api_judge0_shown *v, const char *key)
{
    api_judge0_put_text(v, key, has_output(v) ? v->r->run.out : (struct span){0});
}

static void field_stderr(struct api_judge0_shown *v, const char *key)
{
    api_judge0_put_text(v, key, has_output(v) ? v->r->run.err : (struct span){0});
}

static void field_status_id(struct api_judge0_shown *v, const char *key)
{
    api_json_put_int(v->w, key, api_judge0_status(v->job, v->r));
}

static void field_created_at(struct api_judge0_shown *v, const char *key)
{
    put_when(v, key, v->job->queued_ms);
}

static void field_started_at(struct api_judge0_shown *v, const char *key)
{
    put_when(v, key, v->job->started_ms);
}

static void field_finished_at(struct api_judge0_shown *v, const char *key)
{
    put_when(v, key, message_state_final(v->job->state) ? v->job->finished_ms : 0);
}

static void field_updated_at(struct api_judge0_shown *v, const char *key)
{
    const struct message_job *j = v->job;

    put_when(v, key,
             j->finished_ms  ? j->finished_ms
             : j->started_ms ? j->started_ms
                             : j->queued_ms);
}

static void field_time(struct api_judge0_shown *v, const char *key)
{
    if (has_run(v))
        api_judge0_put_decimal(v, key, mean(v->r, figure_cpu));
    else
        api_json_put_null(v->w, key);
}

static void field_wall_time(struct api_judge0_shown *v, const char *key)
{
    if (has_run(v))
        api_judge0_put_decimal(v, key, mean(v->r, figure_wall));
    else
        api_json_put_null(v->w, key);
}

static void field_memory(struct api_judge0_shown *v, const char *key)
{
    if (has_run(v))
        api_json_put_uint(v->w, key, mean(v->r, figure_memory) / LIMIT_KIB);
    else
        api_json_put_null(v->w, key);
}

static void field_token(struct api_judge0_shown *v, const char *key)
{
    char id[ID_TEXT_SIZE];

    api_json_put_str(v->w, key, id_format(&v->job->jid, id));
}

static void field_number_of_runs(struct api_judge0_shown *v, const char *key)
{
    api_json_put_uint(v->w, key, v->job->total ? v->job->total : 1);
}

static void field_compile_output(struct api_judge0_shown *v, const char *key)
{
    auto_buf struct buf both = {.max = LIMIT_RESULT};

    if (v->r && v->r->has_compile) {
        (void)buf_put(&both, v->r->compile.out.data, v->r->compile.out.len);
        (void)buf_put(&both, v->r->compile.err.data, v->r->compile.err.len);
    }
    api_judge0_put_text(v, key, buf_span(&both));
}

static void field_exit_code(struct api_judge0_shown *v, const char *key)
{
    if (has_run(v))
        api_json_put_int(v->w, key, v->r->run.signal ? 0 : v->r->run.exit_code);
    else
        api_json_put_null(v->w, key);
}

static void field_exit_signal(struct api_judge0_shown *v, const char *key)
{
    if (has_run(v) && v->r->run.signal)
        api_json_put_int(v->w, key, v->r->run.signal);
    else
        api_json_put_null(v->w, key);
}

static void field_message(struct api_judge0_shown *v, const char *key)
{
    enum api_judge0_status s = api_judge0_status(v->job, v->r);
    char text[LIMIT_TEXT + 1] = "";

    if (s == JUDGE0_STATUS_TIME_LIMIT)
        (void)snprintf(text, sizeof(text), "Time limit exceeded%s",
                       strcmp(v->r->cause.kind, "wall_time") == 0 ? " (wall clock)" : "");
    else if (s == JUDGE0_STATUS_INTERNAL)
        (void)snprintf(text, sizeof(text), "%s", v->r ? v->r->cause.detail : v->job->reason);
    else if (!has_run(v) || s == JUDGE0_STATUS_ACCEPTED || s == JUDGE0_STATUS_WRONG_ANSWER)
        text[0] = '\0';
    else if (v->r->verdict != RESULT_RUNTIME_ERROR)
        (void)snprintf(text, sizeof(text), "%s", v->r->cause.detail);
    else if (v->r->run.signal)
        (void)snprintf(text, sizeof(text), "Caught fatal signal %d", v->r->run.signal);
    else
        (void)snprintf(text, sizeof(text), "Exited with error status %d", v->r->run.exit_code);
    api_judge0_put_text(v, key, span_of(text));
}

static void field_callback_url(struct api_judge0_shown *v, const char *key)
{
    put_word(v, key, v->job->callback);
}

static void field_execution_host(struct api_judge0_shown *v, const char *key)
{
    put_word(v, key, v->job->node);
}

static void field_status(struct api_judge0_shown *v, const char *key)
{
    enum api_judge0_status s = api_judge0_status(v->job, v->r);

    api_json_open(v->w, key, '{');
    api_json_put_int(v->w, "id", s);
    api_json_put_str(v->w, "description", api_judge0_status_text(s));
    api_json_close(v->w, '}');
}

static void field_language(struct api_judge0_shown *v, const char *key)
{
    const struct api_judge0_language *l = language_of(v->job);
    char name[VIEW_NAME_MAX];

    if (!l || !v->how->languages ||
        !api_judge0_language_name(v->how->languages, l, name, sizeof(name))) {
        api_json_put_null(v->w, key);
        return;
    }
    api_json_open(v->w, key, '{');
    api_json_put_int(v->w, "id", l->id);
    api_json_put_str(v->w, "name", name);
    api_json_close(v->w, '}');
}

/* What repeats the request. */
static void field_asked(struct api_judge0_shown *v, const char *key)
{
    if (v->spec)
        api_judge0_asked(v, key);
    else
        api_json_put_null(v->w, key);
}

/* What cannot be switched on. */
static void field_off(struct api_judge0_shown *v, const char *key)
{
    api_json_put_bool(v->w, key, false);
}

/* What there is not here, or is not kept. */
static void field_nothing(struct api_judge0_shown *v, const char *key)
{
    api_json_put_null(v->w, key);
}

/* X(name, function, shown when nothing else is asked for) */
#define JUDGE0_FIELDS(X)                                                                           \
    X(source_code, asked, false)                                                                   \
    X(language_id, language_id, false)                                                             \
    X(stdin, asked, false)                                                                         \
    X(expected_output, asked, false)                                                               \
    X(stdout, stdout, true)                                                                        \
    X(status_id, status_id, false)                                                                 \
    X(created_at, created_at, false)                                                               \
    X(finished_at, finished_at, false)                                                             \
    X(time, time, true)                                                                            \
    X(memory, memory, true)                                                                        \
    X(stderr, stderr, true)                                                                        \
    X(token, token, true)                                                                          \
    X(number_of_runs, number_of_runs, false)                                                       \
    X(cpu_time_limit, asked, false)                                                                \
    X(cpu_extra_time, nothing, false)                                                              \
    X(wall_time_limit, asked, false)                                                               \
    X(memory_limit, asked, false)                                                                  \
    X(stack_limit, asked, false)                                                                   \
    X(max_processes_and_or_threads, asked, false)                                                  \
    X(enable_per_process_and_thread_time_limit, off, false)                                        \
    X(enable_per_process_and_thread_memory_limit, off, false)                                      \
    X(max_file_size, asked, false)                                                                 \
    X(compile_output, compile_output, true)                                                        \
    X(exit_code, exit_code, false)                                                                 \
    X(exit_signal, exit_signal, false)                                                             \
    X(message, message, true)                                                                      \
    X(wall_time, wall_time, false)                                                                 \
    X(compiler_options, nothing, false)                                                            \
    X(command_line_arguments, asked, false)                                                        \
    X(redirect_stderr_to_stdout, off, false)                                                       \
    X(callback_url, callback_url, false)                                                           \
    X(additional_files, nothing, false)                                                            \
    X(enable_network, off, false)                                                                  \
    X(started_at, started_at, false)                                                               \
    X(queued_at, created_at, false)                                                                \
    X(updated_at, updated_at, false)                                                               \
    X(queue_host, nothing, false)                                                                  \
    X(execution_host, execution_host, false)                                                       \
    X(status, status, true)                                                                        \
    X(language, language, false)

static const struct {
    const char *name;
    void (*put)(struct api_judge0_shown *v, const char *key);
    bool usual;
} fields[] = {
#define X(name, function, usual) {#name, field_##function, usual},
    JUDGE0_FIELDS(X)
#undef X
};

bool api_judge0_put(struct api_json_writer *w, const struct message_job *job,
                    const struct spec *spec, const struct api_judge0_view *how)
{
    struct api_judge0_shown v = {.job = job, .spec = spec, .how = how, .w = w};
    struct result result;
    struct err err = {0};

    if (job->state == MESSAGE_STATE_COMPLETED && result_decode(job->result, &result, &err) == 0)
        v.r = &result;
    api_json_open(w, NULL, '{');
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if (how->fields & 1ULL << i)
            fields[i].put(&v, fields[i].name);
    }
    api_json_close(w, '}');
    if (v.r)
        result_done(&result);
    return !v.garbled;
}

bool api_judge0_wants_spec(const struct api_judge0_view *how)
{
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if (fields[i].put == field_asked && how->fields & 1ULL << i)
            return true;
    }
    return false;
}

/* Its bit; 0 when there is no such field. */
static uint64_t field_bit(const char *name, size_t len)
{
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if (strlen(fields[i].name) == len && strncmp(fields[i].name, name, len) == 0)
            return 1ULL << i;
    }
    return 0;
}

static uint64_t fields_usual(void)
{
    uint64_t bits = 0;

    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        bits |= fields[i].usual ? 1ULL << i : 0;
    return bits;
}

bool api_judge0_fields(const char *list, uint64_t *ret_fields, struct buf *odd)
{
    uint64_t bits = 0;

    for (const char *at = list; *at;) {
        size_t len = strcspn(at, ",");
        uint64_t bit =
            len == 1 && *at == '*' ? (1ULL << ARRAY_LEN(fields)) - 1 : field_bit(at, len);

        bits |= bit;
        if (!bit)
            (void)buf_printf(odd, "%s%.*s", odd->len ? ", " : "", (int)len, at);
        at += len;
        at += *at == ',';
    }
    *ret_fields = bits ? bits : fields_usual();
    return odd->len == 0;
}

bool api_judge0_is(const struct message_job *job)
{
    for (uint8_t i = 0; i < job->n_tags; i++) {
        if (strcmp(job->tags[i], api_judge0_tag) == 0)
            return true;
    }
    return false;
}

void api_judge0_callback(const struct message_job *job, bool texts, struct buf *out)
{
    static const char *const all[] = {"stdout", "stderr", "compile_output"};
    struct api_judge0_view how = {.base64 = true, .fields = fields_usual()};
    struct api_json_writer w;

    for (size_t i = 0; !texts && i < ARRAY_LEN(all); i++)
        how.fields &= ~field_bit(all[i], strlen(all[i]));
    api_json_writer_init(&w, out);
    (void)api_judge0_put(&w, job, NULL, &how);
}

bool api_judge0_view_read(struct api_exchange *x, struct api_judge0_view *how)
{
    auto_buf struct buf odd = {.max = 2 * VIEW_LIST_MAX};
    char list[VIEW_LIST_MAX] = "", word[8] = "", text[VIEW_LIST_MAX];
    int there = api_request_query(&x->req, "fields", list, sizeof(list));

    (void)api_request_query(&x->req, "base64_encoded", word, sizeof(word));
    how->base64 = strcmp(word, "true") == 0;
    if (there >= 0 && api_judge0_fields(list, &how->fields, &odd))
        return true;
    (void)snprintf(text, sizeof(text), "invalid fields: [%.*s]", (int)odd.len,
                   odd.data ? (const char *)odd.data : "");
    api_judge0_refuse(x, 400, text);
    return false;
}
