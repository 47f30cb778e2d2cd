/* SPDX-License-Identifier: MPL-2.0 */
#include "node/verdict.h"

#include "base/own.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void every_end_has_its_verdict_and_cause(void **state)
{
    static const struct {
        enum step_end end;
        enum result_verdict verdict;
        const char *kind;
    } rows[] = {
        {STEP_END_SIGNALED, RESULT_RUNTIME_ERROR, "signal"},
        {STEP_END_CPU_TIME, RESULT_TIME_LIMIT, "cpu_time"},
        {STEP_END_WALL_TIME, RESULT_TIME_LIMIT, "wall_time"},
        {STEP_END_MEMORY, RESULT_MEMORY_LIMIT, "memory"},
        {STEP_END_OUTPUT, RESULT_OUTPUT_LIMIT, "output"},
        {STEP_END_FILE_SIZE, RESULT_OUTPUT_LIMIT, "file_size"},
        {STEP_END_PROCESSES, RESULT_RUNTIME_ERROR, "processes"},
        {STEP_END_SYSCALL, RESULT_RUNTIME_ERROR, "syscall"},
        {STEP_END_KILLED, RESULT_CANCELLED, "cancelled"},
        {STEP_END_BROKEN, RESULT_INTERNAL_ERROR, "sandbox"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct step_outcome o = {.end = rows[i].end, .exit_code = -1};
        struct result_cause cause;

        assert_int_equal(verdict_of_step(&o, &cause), rows[i].verdict);
        assert_string_equal(cause.kind, rows[i].kind);
        assert_true(cause.detail[0] != 0);
    }
}

static void an_exit_is_judged_by_its_status(void **state)
{
    struct step_outcome o = {.end = STEP_END_EXITED};
    struct result_cause cause;

    (void)state;
    assert_int_equal(verdict_of_step(&o, &cause), RESULT_ACCEPTED);
    assert_string_equal(cause.kind, "");
    o.exit_code = 3;
    assert_int_equal(verdict_of_step(&o, &cause), RESULT_RUNTIME_ERROR);
    assert_string_equal(cause.kind, "exit_code");
    assert_non_null(strstr(cause.detail, "3"));
    assert_int_equal(verdict_of_compile(&o, &cause), RESULT_COMPILE_ERROR);
    assert_int_equal(verdict_of_checker(&o, &cause), RESULT_WRONG_ANSWER);
}

static void a_refused_call_is_named_however_the_run_ended(void **state)
{
    (void)state;
    for (int end = STEP_END_EXITED; end <= STEP_END_BROKEN; end++) {
        const struct step_outcome o = {
            .end = (enum step_end)end, .exit_code = 1, .refused = "sendto"};
        struct result_cause cause;

        (void)verdict_of_step(&o, &cause);
        assert_non_null(strstr(cause.detail, "sendto"));
    }
}

static void a_compiler_that_breaks_a_limit_is_a_compile_error(void **state)
{
    const struct step_outcome o = {.end = STEP_END_CPU_TIME, .exit_code = -1};
    struct result_cause cause;

    (void)state;
    assert_int_equal(verdict_of_compile(&o, &cause), RESULT_COMPILE_ERROR);
    assert_string_equal(cause.kind, "cpu_time");
}

static void a_checker_that_breaks_a_limit_is_not_the_programs_fault(void **state)
{
    const struct step_outcome o = {.end = STEP_END_WALL_TIME, .exit_code = -1};
    struct result_cause cause;

    (void)state;
    assert_int_equal(verdict_of_checker(&o, &cause), RESULT_INTERNAL_ERROR);
    assert_string_equal(cause.kind, "checker");
}

static void a_cut_output_is_marked(void **state)
{
    const struct step_outcome o = {.out = span_of("123456"), .err = span_of("12")};
    struct result_run run;

    (void)state;
    verdict_run(&o, 4, &run);
    assert_int_equal(run.out.len, 4);
    assert_true(run.stdout_truncated);
    assert_int_equal(run.err.len, 2);
    assert_false(run.stderr_truncated);
    verdict_run_done(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_end_has_its_verdict_and_cause),
        cmocka_unit_test(an_exit_is_judged_by_its_status),
        cmocka_unit_test(a_refused_call_is_named_however_the_run_ended),
        cmocka_unit_test(a_compiler_that_breaks_a_limit_is_a_compile_error),
        cmocka_unit_test(a_checker_that_breaks_a_limit_is_not_the_programs_fault),
        cmocka_unit_test(a_cut_output_is_marked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
