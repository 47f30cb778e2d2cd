/* SPDX-License-Identifier: MPL-2.0 */
#include "mesh/result.h"
#include "tests/mesh/damage.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct result_run full_run(const char *out, const char *err)
{
    return (struct result_run){.exit_code = -1,
                               .signal = 9,
                               .cpu_us = 1,
                               .wall_us = 2,
                               .memory = UINT64_MAX,
                               .stdout_truncated = true,
                               .stderr_truncated = true,
                               .out = span_of(out),
                               .err = span_of(err),
                               .switches_voluntary = 3,
                               .switches_forced = 4,
                               .pressure_us = 5,
                               .steal_us = 6,
                               .overshoot_us = 7};
}

static struct result full_result(struct result_test tests[2])
{
    tests[0] = (struct result_test){
        .index = 0,
        .name = "first",
        .verdict = RESULT_TIME_LIMIT,
        .cause = {.kind = "cpu_time", .detail = "10 s of CPU", .line = 12},
        .run = full_run("o", "e"),
        .weight = 2,
        .hidden = true,
    };
    tests[1] = (struct result_test){.index = 1, .verdict = RESULT_SKIPPED};
    return (struct result){
        .verdict = RESULT_TIME_LIMIT,
        .cause = {.kind = "cpu_time", .detail = "10 s of CPU", .line = -1},
        .has_compile = true,
        .compile = full_run("", "warning"),
        .run = full_run("o", "e"),
        .n_tests = 2,
        .tests = tests,
        .passed = 1,
        .total = 2,
        .node = "node-1",
        .isolation = "full",
        .version = "3.11.2",
    };
}

static void check_decoded(const struct result *r)
{
    assert_true((unsigned)r->verdict < RESULT_VERDICT_N);
    assert_true(r->n_tests <= LIMIT_TESTS);
    for (uint32_t i = 0; i < r->n_tests; i++)
        assert_true((unsigned)r->tests[i].verdict < RESULT_VERDICT_N);
}

static bool read_result(struct span bytes)
{
    struct result r;

    if (result_decode(bytes, &r, NULL))
        return false;
    check_decoded(&r);
    result_done(&r);
    return true;
}

static bool read_event(struct span bytes)
{
    struct result_event e;

    if (result_event_decode(bytes, &e, NULL))
        return false;
    assert_true((unsigned)e.kind < RESULT_EVENT_N);
    return true;
}

static void encode_or_fail(const struct result *r, struct buf *b)
{
    buf_init(b, LIMIT_RESULT);
    assert_int_equal(result_encode(r, b), 0);
}

static void assert_same_run(const struct result_run *a, const struct result_run *b)
{
    assert_true(span_eq(a->out, b->out) && span_eq(a->err, b->err));
    assert_int_equal(a->exit_code, b->exit_code);
    assert_int_equal(a->signal, b->signal);
    assert_true(a->cpu_us == b->cpu_us && a->wall_us == b->wall_us && a->memory == b->memory);
    assert_int_equal(a->stdout_truncated, b->stdout_truncated);
    assert_int_equal(a->stderr_truncated, b->stderr_truncated);
    assert_true(a->switches_voluntary == b->switches_voluntary);
    assert_true(a->switches_forced == b->switches_forced);
    assert_true(a->pressure_us == b->pressure_us && a->steal_us == b->steal_us);
    assert_true(a->overshoot_us == b->overshoot_us);
}

static void a_result_comes_back_whole(void **state)
{
    struct result_test tests[2];
    struct result in = full_result(tests);
    struct result out;
    auto_buf struct buf b;

    (void)state;
    encode_or_fail(&in, &b);
    assert_int_equal(result_decode(buf_span(&b), &out, NULL), 0);
    assert_int_equal(out.verdict, in.verdict);
    assert_string_equal(out.cause.kind, in.cause.kind);
    assert_string_equal(out.cause.detail, in.cause.detail);
    assert_int_equal(out.cause.line, -1);
    assert_true(out.has_compile);
    assert_same_run(&in.compile, &out.compile);
    assert_same_run(&in.run, &out.run);
    assert_int_equal(out.n_tests, 2);
    assert_same_run(&tests[0].run, &out.tests[0].run);
    assert_string_equal(out.tests[0].name, "first");
    assert_string_equal(out.tests[0].cause.kind, "cpu_time");
    assert_int_equal(out.tests[0].weight, 2);
    assert_true(out.tests[0].hidden);
    assert_int_equal(out.tests[1].index, 1);
    assert_int_equal(out.tests[1].verdict, RESULT_SKIPPED);
    assert_int_equal(out.passed, 1);
    assert_int_equal(out.total, 2);
    assert_string_equal(out.node, "node-1");
    assert_string_equal(out.isolation, "full");
    assert_string_equal(out.version, "3.11.2");
    result_done(&out);
}

static void a_result_cut_anywhere_is_refused(void **state)
{
    struct result_test tests[2];
    struct result in = full_result(tests);
    auto_buf struct buf b;

    (void)state;
    encode_or_fail(&in, &b);
    assert_int_equal(damage_cut(buf_span(&b), read_result), 0);
}

static void a_flipped_bit_is_refused_or_gives_a_result_within_limits(void **state)
{
    struct result_test tests[2];
    struct result in = full_result(tests);
    auto_buf struct buf b;

    (void)state;
    encode_or_fail(&in, &b);
    assert_true(damage_flip(buf_span(&b), read_result) > b.len);
}

static void a_result_over_its_limit_is_not_written(void **state)
{
    struct result_test tests[2];
    struct result in = full_result(tests);
    auto_free uint8_t *big = own_calloc(1, LIMIT_RESULT);
    auto_buf struct buf b;

    (void)state;
    buf_init(&b, 4 * LIMIT_RESULT);
    in.run.out = (struct span){big, LIMIT_RESULT};
    assert_int_equal(result_encode(&in, &b), -E2BIG);
    assert_int_equal(b.len, 0);
}

static void an_event_comes_back_whole(void **state)
{
    struct result_test tests[2];
    struct result_event in = {.kind = RESULT_EVENT_TEST,
                              .done = 1,
                              .total = 2,
                              .exit_code = -3,
                              .stream = 2,
                              .piece = span_of("text")};
    struct result_event out;
    auto_buf struct buf b;

    (void)state;
    (void)full_result(tests);
    in.test = tests[0];
    buf_init(&b, LIMIT_FRAME_CONTROL);
    assert_int_equal(result_event_encode(&in, &b), 0);
    assert_int_equal(result_event_decode(buf_span(&b), &out, NULL), 0);
    assert_int_equal(out.kind, RESULT_EVENT_TEST);
    assert_int_equal(out.done, 1);
    assert_int_equal(out.total, 2);
    assert_int_equal(out.exit_code, -3);
    assert_int_equal(out.stream, 2);
    assert_true(span_eq(out.piece, in.piece));
    assert_string_equal(out.test.name, "first");
    assert_int_equal(damage_cut(buf_span(&b), read_event), 0);
    assert_true(damage_flip(buf_span(&b), read_event) > 0);
}

static void every_verdict_has_a_name(void **state)
{
    (void)state;
    assert_string_equal(result_verdict_name(RESULT_ACCEPTED), "accepted");
    assert_string_equal(result_verdict_name(RESULT_SKIPPED), "skipped");
    assert_string_equal(result_verdict_name((enum result_verdict)99), "unknown");
    assert_string_equal(result_event_name(RESULT_EVENT_OUTPUT), "output");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_result_comes_back_whole),
        cmocka_unit_test(a_result_cut_anywhere_is_refused),
        cmocka_unit_test(a_flipped_bit_is_refused_or_gives_a_result_within_limits),
        cmocka_unit_test(a_result_over_its_limit_is_not_written),
        cmocka_unit_test(an_event_comes_back_whole),
        cmocka_unit_test(every_verdict_has_a_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
