/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A submission of Judge0 as a job of ours. Every field is read, and everything that is wrong
 * is told at once, in the words of its validations. Numbers may be text, as there. More than
 * one run is as many test cases with the same input.
 */
#include "api-bridge/base64.h"
#include "api-bridge/judge0.h"
#include "base/own.h"

#include <math.h>

enum { FORM_ERRORS_MAX = 64 * LIMIT_KIB, FORM_NUMBER_MAX = 32 };

struct reader {
    struct api_judge0_form *form;
    const struct api_json_at *at;
    const struct api_judge0_context *c;
};

void api_judge0_form_init(struct api_judge0_form *form)
{
    api_submission_init(&form->submission);
    buf_init(&form->errors, FORM_ERRORS_MAX);
}

void api_judge0_form_done(struct api_judge0_form *form)
{
    api_submission_done(&form->submission);
    buf_done(&form->errors);
}

static void wrong(const struct reader *r, const char *field, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void wrong(const struct reader *r, const char *field, const char *fmt, ...)
{
    struct buf *out = &r->form->errors;
    struct api_json_writer w;
    char text[LIMIT_TEXT + 1], name[LIMIT_NAME + 4];
    va_list ap;

    (void)snprintf(name, sizeof(name), "\"%s\":", field);
    if (out->len > 0 && memmem(out->data, out->len, name, strlen(name)))
        return; /* the first thing that is wrong with it is enough */
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (out->len > 0) { /* goes on inside the object */
        out->len--;
        (void)buf_putc(out, ',');
    } else {
        (void)buf_putc(out, '{');
    }
    api_json_writer_init(&w, out);
    api_json_open(&w, field, '[');
    api_json_put_str(&w, NULL, text);
    api_json_close(&w, ']');
    (void)buf_putc(out, '}');
}

/* --- values ---------------------------------------------------------------------------------- */

/* A number, or text that is one. 1, 0 when there is none, -1 and told when it is not one. */
static int read_number(const struct reader *r, const char *key, double *ret_value)
{
    struct api_json_at at = api_json_field(r->at, key);
    char text[FORM_NUMBER_MAX + 1] = "", *end;
    struct api_fault f = {0};

    if (!at.value)
        return 0;
    if (api_json_as_real(&at, ret_value))
        return 1;
    api_json_word(r->at, key, text, sizeof(text), &f);
    *ret_value = strtod(text, &end);
    if (!f.code && text[0] && !*end && isfinite(*ret_value))
        return 1;
    wrong(r, key, "is not a number");
    return -1;
}

struct range {
    double least, most;
};

/* Within the range; 0 when it is absent or was faulted. */
static double read_limit(const struct reader *r, const char *key, struct range range)
{
    double v = 0;

    if (read_number(r, key, &v) != 1)
        return 0;
    if (v < range.least)
        wrong(r, key, "must be greater than or equal to %g", range.least);
    else if (v > range.most)
        wrong(r, key, "must be less than or equal to %.10g", range.most);
    else
        return v;
    return 0;
}

/* Ruby's decoder passes over what is no base64. */
static struct span decode(const struct reader *r, const char *key, struct span text)
{
    auto_buf struct buf clean = {.max = text.len + 4}, out = {.max = text.len + 4};
    uint8_t *kept;

    for (size_t i = 0; i < text.len && text.data[i] != '='; i++) {
        uint8_t c = text.data[i];

        if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
            c == '+' || c == '/')
            (void)buf_putc(&clean, c);
    }
    while (clean.len % 4)
        (void)buf_putc(&clean, '=');
    if (api_base64_decode(buf_span(&clean), API_BASE64_STANDARD, &out) < 0) {
        wrong(r, key, "is not valid Base64");
        return (struct span){0};
    }
    kept = api_submission_keep(&r->form->submission, 1, out.len + 1);
    if (out.len)
        memcpy(kept, out.data, out.len);
    return (struct span){kept, out.len};
}

static struct span read_text(const struct reader *r, const char *key, bool encoded)
{
    struct api_fault f = {0};
    struct span text = api_json_text(r->at, key, LIMIT_SPEC, &f);

    if (f.code) {
        wrong(r, key, "is not a string");
        return (struct span){0};
    }
    return encoded && text.len ? decode(r, key, text) : text;
}

/* An option that is there to be left alone. */
static void read_refused(const struct reader *r, const char *key, const char *why)
{
    struct api_json_at at = api_json_field(r->at, key);
    struct api_fault f = {0};
    bool asked = at.value && (!api_json_is_bool(&at) || api_json_bool(r->at, key, false, &f));

    if (asked && api_json_is_text(&at))
        asked = api_json_text(r->at, key, LIMIT_SPEC, &f).len > 0;
    if (asked)
        wrong(r, key, "%s", why);
}

/* An option that is there to be left off: false, as Rails reads it from JSON and from forms. */
static void read_off(const struct reader *r, const char *key, const char *why)
{
    static const char *const off[] = {"", "false", "f", "off", "0"};
    struct api_json_at at = api_json_field(r->at, key);
    struct api_fault f = {0};
    int64_t number;
    bool good = !at.value || (api_json_as_int(&at, &number) && number == 0);

    if (at.value && api_json_is_bool(&at))
        good = !api_json_bool(r->at, key, false, &f);
    for (size_t i = 0; i < ARRAY_LEN(off) && at.value && api_json_is_text(&at); i++) {
        struct span text = api_json_text(r->at, key, LIMIT_SPEC, &f);

        good |= text.len == strlen(off[i]) &&
                strncasecmp((const char *)text.data, off[i], text.len) == 0;
    }
    if (!good)
        wrong(r, key, "%s", why);
}

/* --- arguments ------------------------------------------------------------------------------- */

/* What its shell never gets to see. */
static bool is_dropped(uint8_t c)
{
    return strchr("$&;<>|`", c) != NULL;
}

/* The next word as a shell would cut it: quotes, backslashes, white space. */
static bool next_word(struct span *text, struct buf *word)
{
    uint8_t quote = 0;
    bool any = false;

    while (text->len && strchr(" \t\r\n", *text->data)) {
        text->data++;
        text->len--;
    }
    for (; text->len; text->data++, text->len--) {
        uint8_t c = *text->data;

        if (!quote && c && strchr(" \t\r\n", c))
            break;
        any = true;
        if (is_dropped(c) || c == 0)
            continue;
        if (c == quote || (!quote && (c == '"' || c == '\''))) {
            quote = quote ? 0 : c;
            continue;
        }
        if (c == '\\' && quote != '\'' && text->len > 1) {
            text->data++;
            text->len--;
            c = *text->data;
        }
        (void)buf_putc(word, c);
    }
    return any;
}

static void read_arguments(const struct reader *r)
{
    static const char key[] = "command_line_arguments";
    struct spec *spec = &r->form->submission.spec;
    struct span text = read_text(r, key, false);

    if (text.len > JUDGE0_ARGUMENTS_MAX) {
        wrong(r, key, "is too long (maximum is %d characters)", JUDGE0_ARGUMENTS_MAX);
        return;
    }
    if (text.len == 0)
        return;
    spec->args = api_submission_keep(&r->form->submission, LIMIT_ARGS, sizeof(*spec->args));
    for (;;) {
        auto_buf struct buf word = {.max = JUDGE0_ARGUMENTS_MAX};
        uint8_t *kept;

        if (!next_word(&text, &word))
            return;
        if (spec->n_args == LIMIT_ARGS) {
            wrong(r, key, "has more than %d arguments", LIMIT_ARGS);
            return;
        }
        kept = api_submission_keep(&r->form->submission, 1, word.len + 1);
        if (word.len)
            memcpy(kept, word.data, word.len);
        spec->args[spec->n_args++] = (struct span){kept, word.len};
    }
}

/* --- the whole ------------------------------------------------------------------------------- */

static void read_language(const struct reader *r)
{
    struct spec *spec = &r->form->submission.spec;
    const struct api_judge0_language *l;
    char name[LIMIT_NAME * 2];
    double id = 0;
    int there = read_number(r, "language_id", &id);

    if (there == 0)
        wrong(r, "language_id", "can't be blank");
    if (there != 1)
        return;
    l = fabs(id) < 1e9 ? api_judge0_language((int64_t)id) : NULL;
    if (!l || !api_judge0_language_name(r->c->languages, l, name, sizeof(name))) {
        wrong(r, "language_id", "language with id %.0f doesn't exist", id);
        return;
    }
    (void)snprintf(spec->head.language, sizeof(spec->head.language), "%s", l->language);
    (void)snprintf(spec->tags[0], sizeof(spec->tags[0]), "%s", api_judge0_tag);
    (void)snprintf(spec->tags[1], sizeof(spec->tags[1]), "%s:%d", api_judge0_tag, l->id);
    spec->n_tags = 2;
}

static void read_source(const struct reader *r)
{
    struct spec *spec = &r->form->submission.spec;
    struct span text = read_text(r, "source_code", r->c->base64);

    spec->n_files = 1;
    spec->files = api_submission_keep(&r->form->submission, 1, sizeof(*spec->files));
    spec->files[0].content = text;
    if (text.len == 0)
        wrong(r, "source_code", "can't be blank");
    else if (text.len > r->c->config->code_max)
        wrong(r, "source_code", "is too long (maximum is %llu bytes)",
              (unsigned long long)r->c->config->code_max);
}

/* Nothing asked is the language's own limit; 0 of something is as little as there is. */
static uint64_t scaled(double v, double unit, bool there)
{
    double n = ceil(v * unit);

    return there ? (n < 1 ? 1 : (uint64_t)n) : 0;
}

static void read_limits(const struct reader *r)
{
    const struct spec_limits *most = &r->c->config->ceiling;
    struct spec_limits *l = &r->form->submission.spec.limits;
    const struct {
        const char *key;
        struct range range;
        double unit;
        uint64_t *to;
    } all[] = {
        {"cpu_time_limit", {0, (double)most->cpu_ms / 1000}, 1000, &l->cpu_ms},
        {"wall_time_limit", {1, (double)most->wall_ms / 1000}, 1000, &l->wall_ms},
        {"memory_limit", {2048, (double)most->memory / LIMIT_KIB}, LIMIT_KIB, &l->memory},
        {"stack_limit", {0, (double)most->stack / LIMIT_KIB}, LIMIT_KIB, &l->stack},
        {"max_processes_and_or_threads", {1, (double)most->processes}, 1, &l->processes},
        {"max_file_size", {0, (double)most->file_size / LIMIT_KIB}, LIMIT_KIB, &l->file_size},
    };

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        *all[i].to = scaled(read_limit(r, all[i].key, all[i].range), all[i].unit,
                            api_json_field(r->at, all[i].key).value != NULL);
    (void)read_limit(r, "cpu_extra_time", (struct range){0, (double)most->cpu_ms / 1000});
}

static void read_runs(const struct reader *r)
{
    struct spec *spec = &r->form->submission.spec;
    bool compared = api_json_field(r->at, "expected_output").value != NULL;
    struct span expected = read_text(r, "expected_output", r->c->base64);
    double runs = read_limit(r, "number_of_runs", (struct range){1, JUDGE0_RUNS_MAX});

    spec->input = read_text(r, "stdin", r->c->base64);
    spec->n_tests = runs > 1 ? (uint32_t)runs : compared;
    spec->stop_on_failure = true;
    spec->tests =
        api_submission_keep(&r->form->submission, spec->n_tests + 1, sizeof(*spec->tests));
    for (uint32_t i = 0; i < spec->n_tests; i++)
        spec->tests[i] = (struct spec_test){
            .input = spec->input, .has_expected = compared, .expected = expected, .weight = 1};
    if (spec->n_tests)
        spec->input = (struct span){0};
}

static void read_callback(const struct reader *r)
{
    static const char key[] = "callback_url";
    const struct api_webhook_options *hooks = &r->c->config->webhook;
    struct spec *spec = &r->form->submission.spec;
    struct span url = read_text(r, key, false);
    struct api_fault f = {0};

    if (url.len == 0)
        return;
    if (!hooks->secret || !hooks->secret[0] || url.len > LIMIT_URL) {
        wrong(r, key, "setting callback is not allowed");
        return;
    }
    memcpy(spec->callback, url.data, url.len);
    api_webhook_url_check(hooks, spec->callback, key, &f);
    if (f.code)
        wrong(r, key, "%s", f.text);
}

void api_judge0_form_read(struct api_judge0_form *form, const struct api_json_at *at,
                          const struct api_judge0_context *c)
{
    struct reader r = {form, at, c};
    struct api_fault f = {0};

    if (!api_json_is_object(at)) {
        wrong(&r, "base", "is not an object");
        return;
    }
    read_source(&r);
    read_language(&r);
    read_limits(&r);
    read_runs(&r);
    read_arguments(&r);
    read_off(&r, "enable_per_process_and_thread_time_limit", "this option cannot be enabled");
    read_off(&r, "enable_per_process_and_thread_memory_limit", "this option cannot be enabled");
    read_off(&r, "redirect_stderr_to_stdout", "this option cannot be enabled");
    read_refused(&r, "compiler_options", "setting compiler options is not allowed");
    read_callback(&r);
    read_refused(&r, "additional_files", "setting additional files is not allowed");
    read_off(&r, "enable_network", "enabling network is not allowed");
    if (form->errors.len == 0)
        api_languages_check(c->languages, &form->submission.spec, &f);
    if (f.code)
        wrong(&r, f.field[0] ? f.field : "base", "%s", f.text);
}
