/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The fields of a submission that repeat its request. A limit that was not asked for is null: it
 * is the language's own.
 */
#include "api-bridge/judge0_view.h"
#include "base/own.h"

struct asked {
    const char *key;
    void (*put)(struct api_judge0_shown *v, const struct asked *a);
    size_t offset; /* in struct spec_limits */
    uint64_t unit; /* there, of one here */
};

static void put_source(struct api_judge0_shown *v, const struct asked *a)
{
    api_judge0_put_text(v, a->key, v->spec->files[0].content);
}

/* One that is compared, or run several times, has its input in its tests. */
static void put_input(struct api_judge0_shown *v, const struct asked *a)
{
    const struct spec *s = v->spec;
    const bool hidden = s->n_tests && s->tests[0].hidden;

    api_judge0_put_text(v, a->key,
                        hidden       ? (struct span){0}
                        : s->n_tests ? s->tests[0].input
                                     : s->input);
}

static void put_expected(struct api_judge0_shown *v, const struct asked *a)
{
    const struct spec *s = v->spec;
    const bool shown = s->n_tests && !s->tests[0].hidden;

    api_judge0_put_text(v, a->key, shown ? s->tests[0].expected : (struct span){0});
}

/* As a shell would have to be given it. */
static void put_word(struct buf *line, struct span word)
{
    bool plain = word.len > 0;

    for (size_t i = 0; i < word.len; i++)
        plain = plain && word.data[i] && !strchr(" \t\r\n\"'\\", word.data[i]);
    if (!plain)
        (void)buf_putc(line, '"');
    for (size_t i = 0; i < word.len; i++) {
        if (word.data[i] == '"' || word.data[i] == '\\')
            (void)buf_putc(line, '\\');
        (void)buf_putc(line, word.data[i]);
    }
    if (!plain)
        (void)buf_putc(line, '"');
}

/* Never in base64, as in the request. */
static void put_arguments(struct api_judge0_shown *v, const struct asked *a)
{
    auto_buf struct buf line = {.max = LIMIT_SPEC};

    for (uint32_t i = 0; i < v->spec->n_args; i++) {
        if (i > 0)
            (void)buf_putc(&line, ' ');
        put_word(&line, v->spec->args[i]);
    }
    if (line.len)
        api_json_put_text(v->w, a->key, buf_span(&line));
    else
        api_json_put_null(v->w, a->key);
}

static uint64_t limit_of(const struct api_judge0_shown *v, const struct asked *a)
{
    uint64_t value;

    memcpy(&value, (const char *)&v->spec->limits + a->offset, sizeof(value));
    return value;
}

static void put_time(struct api_judge0_shown *v, const struct asked *a)
{
    if (limit_of(v, a))
        api_judge0_put_decimal(v, a->key, limit_of(v, a) * a->unit);
    else
        api_json_put_null(v->w, a->key);
}

static void put_amount(struct api_judge0_shown *v, const struct asked *a)
{
    if (limit_of(v, a))
        api_json_put_uint(v->w, a->key, limit_of(v, a) / a->unit);
    else
        api_json_put_null(v->w, a->key);
}

void api_judge0_asked(struct api_judge0_shown *v, const char *key)
{
#define LIMIT(field) offsetof(struct spec_limits, field)
    static const struct asked all[] = {
        {"source_code", put_source, 0, 0},
        {"stdin", put_input, 0, 0},
        {"expected_output", put_expected, 0, 0},
        {"command_line_arguments", put_arguments, 0, 0},
        {"cpu_time_limit", put_time, LIMIT(cpu_ms), 1000},
        {"wall_time_limit", put_time, LIMIT(wall_ms), 1000},
        {"memory_limit", put_amount, LIMIT(memory), LIMIT_KIB},
        {"stack_limit", put_amount, LIMIT(stack), LIMIT_KIB},
        {"max_processes_and_or_threads", put_amount, LIMIT(processes), 1},
        {"max_file_size", put_amount, LIMIT(file_size), LIMIT_KIB},
    };
#undef LIMIT

    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        if (strcmp(all[i].key, key) == 0)
            all[i].put(v, &all[i]);
    }
}
