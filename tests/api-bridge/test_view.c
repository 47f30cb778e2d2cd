/* SPDX-License-Identifier: MPL-2.0 */
#include "api-bridge/event.h"
#include "api-bridge/exchange.h"
#include "api-bridge/json.h"
#include "api-bridge/view.h"

#include "base/own.h"

#include <setjmp.h>

#include <cmocka.h>

static void bytes_are(struct span bytes, bool truncated, bool base64, const char *want)
{
    auto_buf struct buf b = {.max = 1000};
    struct api_json_writer w;

    api_json_writer_init(&w, &b);
    api_view_bytes(&w, "o", bytes, truncated, base64);
    (void)buf_putc(&b, 0);
    assert_string_equal(b.data, want);
}

static void output_is_text_when_it_can_be(void **state)
{
    (void)state;
    bytes_are(span_of("a\n"), false, false,
              "\"o\":\"a\\n\",\"oEncoding\":\"utf8\",\"oTruncated\":false");
    bytes_are(span_of("\xff"), false, false,
              "\"o\":\"/w==\",\"oEncoding\":\"base64\",\"oTruncated\":false");
    bytes_are(span_of("a"), false, true,
              "\"o\":\"YQ==\",\"oEncoding\":\"base64\",\"oTruncated\":false");
}

static void a_cut_through_a_character_stays_text(void **state)
{
    (void)state;
    bytes_are(span_of("a\xe2\x82"), true, false,
              "\"o\":\"a\",\"oEncoding\":\"utf8\",\"oTruncated\":true");
    bytes_are(span_of("a\xe2\x82"), false, false,
              "\"o\":\"YeKC\",\"oEncoding\":\"base64\",\"oTruncated\":false");
}

/* Encodes a job with a result of one hidden test, and views it. */
static char *view_of(struct message_job *job, struct buf *out)
{
    auto_buf struct buf encoded = {.max = LIMIT_RESULT};
    struct api_view how = {0};
    struct api_json_writer w;
    struct result_test t = {.verdict = RESULT_WRONG_ANSWER, .hidden = true, .weight = 1};
    struct result r = {.verdict = RESULT_WRONG_ANSWER, .n_tests = 1, .tests = &t, .total = 1};

    t.run.out = r.run.out = span_of("secret-out");
    t.run.exit_code = -1;
    t.run.signal = 9;
    (void)snprintf(t.cause.kind, sizeof(t.cause.kind), "difference");
    (void)snprintf(t.cause.detail, sizeof(t.cause.detail), "secret-line");
    r.cause = t.cause;
    assert_int_equal(result_encode(&r, &encoded), 0);
    job->result = buf_span(&encoded);
    api_json_writer_init(&w, out);
    api_view_job(&w, NULL, job, &how);
    (void)buf_putc(out, 0);
    return (char *)out->data;
}

static void a_hidden_test_shows_no_data(void **state)
{
    struct message_job job = {.state = MESSAGE_STATE_COMPLETED};
    auto_buf struct buf out = {.max = LIMIT_MIB};
    const char *text = view_of(&job, &out);

    (void)state;
    assert_null(strstr(text, "secret"));
    assert_non_null(strstr(text, "\"hidden\":true"));
    assert_non_null(strstr(text, "\"exitCode\":null,\"signal\":\"SIGKILL\""));
    assert_non_null(strstr(text, "\"progress\":100"));
}

static void a_job_is_seen_as_far_as_it_has_come(void **state)
{
    struct message_job job = {
        .state = MESSAGE_STATE_ACTIVE, .done = 1, .total = 4, .queued_ms = 1700000000123};
    auto_buf struct buf out = {.max = LIMIT_MIB};
    const char *text = view_of(&job, &out);

    (void)state;
    assert_non_null(strstr(text, "\"state\":\"active\",\"progress\":25"));
    assert_non_null(strstr(text, "\"queuedAt\":\"2023-11-14T22:13:20.123Z\""));
    assert_null(strstr(text, "finishedAt"));
    assert_null(strstr(text, "result"));
    assert_null(strstr(text, "failedReason"));
    out.len = 0;
    job.state = MESSAGE_STATE_FAILED;
    memcpy(job.reason, "why", sizeof("why"));
    assert_non_null(strstr(view_of(&job, &out), "\"failedReason\":\"why\""));
}

static void an_event_is_one_line_of_json(void **state)
{
    auto_buf struct buf body = {.max = LIMIT_MIB};
    struct result_event run = {.kind = RESULT_EVENT_OUTPUT, .stream = 2};
    struct message_event e = {.seq = 7, .kind = MESSAGE_EVENT_RUN};
    auto_free struct api_event *made = NULL;

    (void)state;
    run.piece = span_of("one\ntwo\r\n\ndata: x");
    assert_int_equal(result_event_encode(&run, &body), 0);
    e.body = buf_span(&body);
    made = api_event_new(&e);
    assert_int_equal(made->seq, 7);
    assert_false(made->final);
    assert_memory_equal(made->text, "event: output\ndata: {", 21);
    assert_null(memchr(made->text + 21, '\n', made->len - 23));
    assert_memory_equal(made->text + made->len - 2, "\n\n", 2);
}

enum { CONTROLS = 60000 };

/* An event of bytes that JSON escapes, six for one; decided, or a piece of output. */
static struct api_event *event_of_controls(bool decided, size_t n)
{
    auto_buf struct buf result = {.max = LIMIT_RESULT}, body = {.max = LIMIT_RESULT};
    static uint8_t bytes[CONTROLS];
    struct result_event run = {.kind = RESULT_EVENT_OUTPUT, .stream = 1, .piece = {bytes, n}};
    struct result r = {.run = {.out = {bytes, n}}};
    struct message_job job = {.state = MESSAGE_STATE_COMPLETED};
    struct message_event e = {.kind = decided ? MESSAGE_EVENT_DECIDED : MESSAGE_EVENT_RUN};

    memset(bytes, 1, sizeof(bytes));
    assert_int_equal(result_encode(&r, &result), 0);
    job.result = buf_span(&result);
    if (decided)
        assert_int_equal(message_job_encode(&job, &body), 0);
    else
        assert_int_equal(result_event_encode(&run, &body), 0);
    e.body = buf_span(&body);
    return api_event_new(&e);
}

static bool event_has(const struct api_event *e, const char *text)
{
    return memmem(e->text, e->len, text, strlen(text)) != NULL;
}

static void an_event_stays_small_whatever_a_program_writes(void **state)
{
    auto_free struct api_event *few = event_of_controls(true, 1000);
    auto_free struct api_event *decided = event_of_controls(true, CONTROLS);
    auto_free struct api_event *piece = event_of_controls(false, 1000);
    auto_free struct api_event *output = event_of_controls(false, CONTROLS);

    (void)state;
    assert_true(event_has(few, "\"result\":{"));
    assert_false(event_has(few, "resultOmitted"));
    assert_true(decided->len < API_STREAM_QUEUE_MAX / 2);
    assert_true(event_has(decided, "\"resultOmitted\":true"));
    assert_true(event_has(decided, "\"state\":\"completed\""));
    assert_true(event_has(piece, "\"dataEncoding\":\"utf8\""));
    assert_true(output->len < API_STREAM_QUEUE_MAX / 2);
    assert_true(event_has(output, "\"data\":\"AQEB"));
    assert_true(event_has(output, "\"dataEncoding\":\"base64\""));
}

static void an_event_that_cannot_be_read_is_no_event(void **state)
{
    struct message_event e = {.seq = 7, .kind = MESSAGE_EVENT_RUN, .body = span_of("nonsense")};

    (void)state;
    assert_null(api_event_new(&e));
    e.kind = MESSAGE_EVENT_N;
    assert_null(api_event_new(&e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(output_is_text_when_it_can_be),
        cmocka_unit_test(a_cut_through_a_character_stays_text),
        cmocka_unit_test(a_hidden_test_shows_no_data),
        cmocka_unit_test(a_job_is_seen_as_far_as_it_has_come),
        cmocka_unit_test(an_event_is_one_line_of_json),
        cmocka_unit_test(an_event_stays_small_whatever_a_program_writes),
        cmocka_unit_test(an_event_that_cannot_be_read_is_no_event),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
