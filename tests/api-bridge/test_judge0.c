/* SPDX-License-Identifier: MPL-2.0 */
#include "api-bridge/judge0.h"

#include "base/own.h"

#include <setjmp.h>
#include <signal.h>

#include <cmocka.h>

/* What its clients get for a run that ended this way. */
static enum api_judge0_status status_of(enum result_verdict verdict, int signal, int code)
{
    struct message_job job = {.state = MESSAGE_STATE_COMPLETED};
    struct result r = {.verdict = verdict, .run = {.signal = signal, .exit_code = code}};

    return api_judge0_status(&job, &r);
}

static void every_end_has_one_status(void **state)
{
    struct message_job job = {.state = MESSAGE_STATE_QUEUED};

    (void)state;
    assert_int_equal(api_judge0_status(&job, NULL), 1);
    job.state = MESSAGE_STATE_DELAYED;
    assert_int_equal(api_judge0_status(&job, NULL), 1);
    job.state = MESSAGE_STATE_ACTIVE;
    assert_int_equal(api_judge0_status(&job, NULL), 2);
    job.state = MESSAGE_STATE_FAILED;
    assert_int_equal(api_judge0_status(&job, NULL), 13);
    job.state = MESSAGE_STATE_CANCELLED;
    assert_int_equal(api_judge0_status(&job, NULL), 13);
    assert_int_equal(status_of(RESULT_ACCEPTED, 0, 0), 3);
    assert_int_equal(status_of(RESULT_WRONG_ANSWER, 0, 0), 4);
    assert_int_equal(status_of(RESULT_TIME_LIMIT, SIGKILL, -1), 5);
    assert_int_equal(status_of(RESULT_COMPILE_ERROR, 0, 1), 6);
    assert_int_equal(status_of(RESULT_RUNTIME_ERROR, SIGSEGV, -1), 7);
    assert_int_equal(status_of(RESULT_RUNTIME_ERROR, SIGXFSZ, -1), 8);
    assert_int_equal(status_of(RESULT_OUTPUT_LIMIT, SIGKILL, -1), 8);
    assert_int_equal(status_of(RESULT_RUNTIME_ERROR, SIGFPE, -1), 9);
    assert_int_equal(status_of(RESULT_RUNTIME_ERROR, SIGABRT, -1), 10);
    assert_int_equal(status_of(RESULT_RUNTIME_ERROR, 0, 3), 11);
    assert_int_equal(status_of(RESULT_MEMORY_LIMIT, SIGKILL, -1), 12);
    assert_int_equal(status_of(RESULT_INTERNAL_ERROR, 0, 0), 13);
}

static void unknown_fields_are_named(void **state)
{
    auto_buf struct buf odd = {.max = 1000};
    uint64_t usual = 0, some = 0, all = 0;

    (void)state;
    assert_true(api_judge0_fields("", &usual, &odd));
    assert_true(api_judge0_fields("token,status_id", &some, &odd));
    assert_true(api_judge0_fields("*", &all, &odd));
    assert_int_equal(__builtin_popcountll(usual), 8);
    assert_int_equal(__builtin_popcountll(some), 2);
    assert_int_equal(__builtin_popcountll(all), 40);
    assert_false(api_judge0_fields("token,id,stdou", &some, &odd));
    (void)buf_putc(&odd, 0);
    assert_string_equal(odd.data, "id, stdou");
}

static void ids_differ_and_name_a_language(void **state)
{
    (void)state;
    for (size_t i = 0; i < api_judge0_n_languages; i++) {
        const struct api_judge0_language *l = &api_judge0_languages[i];

        assert_ptr_equal(api_judge0_language(l->id), l);
        assert_non_null(strstr(l->form, "%s"));
    }
    assert_null(api_judge0_language(70)); /* Python 2 */
    assert_null(api_judge0_language(-1));
}

/* A job with this output, as an answer with one field. */
static bool show(struct span out, const char *field, bool base64, struct buf *text)
{
    auto_buf struct buf encoded = {.max = LIMIT_RESULT}, odd = {.max = 1000};
    struct message_job job = {.state = MESSAGE_STATE_COMPLETED};
    struct result r = {.verdict = RESULT_ACCEPTED};
    struct api_judge0_view how = {.base64 = base64};
    struct api_json_writer w;
    bool good;

    r.run.out = out;
    r.run.cpu_us = 100000;
    r.run.wall_us = 2345678;
    r.run.memory = 3 * LIMIT_MIB;
    assert_int_equal(result_encode(&r, &encoded), 0);
    job.result = buf_span(&encoded);
    assert_true(api_judge0_fields(field, &how.fields, &odd));
    buf_reset(text);
    api_json_writer_init(&w, text);
    good = api_judge0_put(&w, &job, NULL, &how);
    (void)buf_putc(text, 0);
    return good;
}

static void values_have_their_form(void **state)
{
    auto_buf struct buf text = {.max = 10000};

    (void)state;
    assert_true(show(span_of("a"), "time", false, &text));
    assert_string_equal(text.data, "{\"time\":\"0.1\"}");
    assert_true(show(span_of("a"), "wall_time,memory", false, &text));
    assert_string_equal(text.data, "{\"memory\":3072,\"wall_time\":\"2.346\"}");
    assert_true(show(span_of("a"), "stdout", true, &text));
    assert_string_equal(text.data, "{\"stdout\":\"YQ==\\n\"}");
    assert_true(show(span_of(""), "stdout", true, &text));
    assert_string_equal(text.data, "{\"stdout\":null}");
    assert_true(show(span_of("\xfe"), "stdout", true, &text));
    assert_false(show(span_of("\xfe"), "stdout", false, &text));
}

static const struct spec_test hidden_test = {.hidden = true,
                                             .input = {(const uint8_t *)"in", 2},
                                             .expected = {(const uint8_t *)"wanted", 6}};

/* What Judge0's form shows of a job with one hidden test that ended so. */
static void show_hidden(const struct message_job *job, struct buf *text)
{
    auto_buf struct buf odd = {.max = 1000};
    struct spec_test test = hidden_test;
    struct spec spec = {.tests = &test, .n_tests = 1};
    struct api_judge0_view how = {0};
    struct api_json_writer w;

    assert_true(api_judge0_fields("stdin,expected_output,stdout,stderr", &how.fields, &odd));
    api_json_writer_init(&w, text);
    assert_true(api_judge0_put(&w, job, &spec, &how));
    (void)buf_putc(text, 0);
}

static void a_hidden_test_shows_nothing_of_its_data(void **state)
{
    auto_buf struct buf text = {.max = 10000}, encoded = {.max = LIMIT_RESULT};
    struct message_job job = {.state = MESSAGE_STATE_COMPLETED};
    struct result_test test = {.hidden = true, .verdict = RESULT_WRONG_ANSWER};
    struct result r = {.verdict = RESULT_WRONG_ANSWER, .tests = &test, .n_tests = 1};

    (void)state;
    r.run.out = span_of("in, echoed");
    r.run.err = span_of("in, traced");
    assert_int_equal(result_encode(&r, &encoded), 0);
    job.result = buf_span(&encoded);
    show_hidden(&job, &text);
    assert_string_equal(text.data, "{\"stdin\":null,\"expected_output\":null,\"stdout\":null,"
                                   "\"stderr\":null}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_end_has_one_status),
        cmocka_unit_test(unknown_fields_are_named),
        cmocka_unit_test(ids_differ_and_name_a_language),
        cmocka_unit_test(values_have_their_form),
        cmocka_unit_test(a_hidden_test_shows_nothing_of_its_data),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
