/* SPDX-License-Identifier: MPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sandbox/verdict.h"

#include <signal.h>

static const struct step_limits limits = {.cpu_ms = 1000,
                                          .wall_ms = 3000,
                                          .memory = 64 * LIMIT_MIB,
                                          .output = 100,
                                          .processes = 4,
                                          .stack = LIMIT_MIB,
                                          .file_size = LIMIT_MIB,
                                          .files = 10};
static const char *const texts[] = {"MemoryError"};

/* A program that ended by itself with this wait status, using little. */
static struct facts ended(int status)
{
    return (struct facts){.limits = &limits,
                          .exited = true,
                          .status = status,
                          .cpu_us = 10,
                          .wall_us = 20,
                          .memory = LIMIT_MIB,
                          .memory_errors = {texts, 1},
                          .refused = "",
                          .err_text = ""};
}

#define EXIT(code) ((code) << 8)

static enum step_end end_of(const struct facts *f)
{
    struct step_outcome o = {0};

    verdict_decide(f, &o);
    assert_true(o.detail[0] != '\0');
    return o.end;
}

static void an_exit_and_a_signal_are_the_programs_own(void **state)
{
    struct facts f = ended(EXIT(3));
    struct step_outcome o = {0};

    (void)state;
    verdict_decide(&f, &o);
    assert_int_equal(o.end, STEP_END_EXITED);
    assert_int_equal(o.exit_code, 3);
    assert_int_equal(o.signal, 0);
    f = ended(SIGSEGV);
    verdict_decide(&f, &o);
    assert_int_equal(o.end, STEP_END_SIGNALED);
    assert_int_equal(o.exit_code, -1);
    assert_int_equal(o.signal, SIGSEGV);
}

static void a_kill_by_itself_is_no_limit(void **state)
{
    struct facts f = ended(SIGKILL);

    (void)state;
    assert_int_equal(end_of(&f), STEP_END_SIGNALED);
}

static void the_kernels_oom_kill_is_memory_whoever_it_took(void **state)
{
    struct facts f = ended(EXIT(0));

    (void)state;
    f.use.oom_kills = 1;
    assert_int_equal(end_of(&f), STEP_END_MEMORY);
    f.exited = false;
    f.kill = KILL_MEMORY;
    assert_int_equal(end_of(&f), STEP_END_MEMORY);
}

static void a_run_without_room_for_its_files_is_memory_and_says_so(void **state)
{
    struct facts f = ended(0);
    struct step_outcome o = {0};

    (void)state;
    f.exited = false;
    f.kill = KILL_THRASHING;
    f.cpu_us = limits.cpu_ms * 1000 + 1;
    f.thrash = (struct thrash){.held = 60 * LIMIT_MIB, .excess = 12345};
    verdict_decide(&f, &o);
    assert_int_equal(o.end, STEP_END_MEMORY);
    assert_non_null(strstr(o.detail, "12345 bytes"));
    assert_non_null(strstr(o.detail, "dropped and read again"));
}

static void an_allocators_word_counts_only_with_a_failure(void **state)
{
    struct facts f = ended(EXIT(1));

    (void)state;
    f.err = span_of("Traceback\nMemoryError\n");
    assert_int_equal(end_of(&f), STEP_END_MEMORY);
    f.status = EXIT(0);
    assert_int_equal(end_of(&f), STEP_END_EXITED);
}

static void a_failure_at_the_limit_is_memory_and_success_there_is_not(void **state)
{
    struct facts f = ended(EXIT(1));

    (void)state;
    f.memory = limits.memory;
    assert_int_equal(end_of(&f), STEP_END_MEMORY);
    f.status = EXIT(0);
    assert_int_equal(end_of(&f), STEP_END_EXITED);
}

static void time_over_counts_even_when_the_program_ended(void **state)
{
    struct facts f = ended(EXIT(0));
    struct step_outcome o = {0};

    (void)state;
    f.cpu_us = 1000 * 1000;
    assert_int_equal(end_of(&f), STEP_END_EXITED);
    f.cpu_us++;
    verdict_decide(&f, &o);
    assert_int_equal(o.end, STEP_END_CPU_TIME);
    assert_int_equal(o.overshoot_us, 1);
    f = ended(EXIT(0));
    f.wall_us = 3000 * 1000 + 5;
    verdict_decide(&f, &o);
    assert_int_equal(o.end, STEP_END_WALL_TIME);
    assert_int_equal(o.overshoot_us, 5);
}

static void files_that_were_not_kept_are_no_success(void **state)
{
    struct facts f = ended(EXIT(0));
    struct step_outcome o = {0};

    (void)state;
    f.files_missed = true;
    verdict_decide(&f, &o);
    assert_int_equal(o.end, STEP_END_FILE_SIZE);
    assert_int_equal(o.exit_code, 0);
    assert_non_null(strstr(o.detail, "files to be kept"));
}

static void output_files_processes_and_calls_have_ends_of_their_own(void **state)
{
    struct facts f = ended(EXIT(0));

    (void)state;
    f.out_truncated = true;
    assert_int_equal(end_of(&f), STEP_END_OUTPUT);
    f = ended(SIGXFSZ);
    assert_int_equal(end_of(&f), STEP_END_FILE_SIZE);
    f = ended(EXIT(1));
    f.box_full = true;
    assert_int_equal(end_of(&f), STEP_END_FILE_SIZE);
    f = ended(EXIT(1));
    f.use.forks_refused = 2;
    assert_int_equal(end_of(&f), STEP_END_PROCESSES);
    f.status = EXIT(0);
    assert_int_equal(end_of(&f), STEP_END_EXITED);
    f = ended(SIGSYS);
    assert_int_equal(end_of(&f), STEP_END_SYSCALL);
    f = ended(0);
    f.exited = false;
    f.kill = KILL_SYSCALL;
    f.refused = "ptrace";
    assert_int_equal(end_of(&f), STEP_END_SYSCALL);
}

static void what_was_asked_for_and_what_broke_come_first(void **state)
{
    struct facts f = ended(0);
    struct step_outcome o = {0};

    (void)state;
    f.exited = false;
    f.kill = KILL_ASKED;
    f.use.oom_kills = 1;
    assert_int_equal(end_of(&f), STEP_END_KILLED);
    f.kill = KILL_BROKEN;
    f.err_text = "no stage";
    verdict_decide(&f, &o);
    assert_int_equal(o.end, STEP_END_BROKEN);
    assert_string_equal(o.err_text, "no stage");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_exit_and_a_signal_are_the_programs_own),
        cmocka_unit_test(a_kill_by_itself_is_no_limit),
        cmocka_unit_test(the_kernels_oom_kill_is_memory_whoever_it_took),
        cmocka_unit_test(a_run_without_room_for_its_files_is_memory_and_says_so),
        cmocka_unit_test(an_allocators_word_counts_only_with_a_failure),
        cmocka_unit_test(a_failure_at_the_limit_is_memory_and_success_there_is_not),
        cmocka_unit_test(time_over_counts_even_when_the_program_ended),
        cmocka_unit_test(files_that_were_not_kept_are_no_success),
        cmocka_unit_test(output_files_processes_and_calls_have_ends_of_their_own),
        cmocka_unit_test(what_was_asked_for_and_what_broke_come_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
