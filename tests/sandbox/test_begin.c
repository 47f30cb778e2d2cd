/* SPDX-License-Identifier: MPL-2.0 */
/* How runs begin, one after the other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/sandbox/tiny.h"
#include "tests/sandbox/world.h"

#include <linux/membarrier.h>
#include <sched.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

static bool is_x86(void)
{
    struct utsname machine;

    return uname(&machine) == 0 && strcmp(machine.machine, "x86_64") == 0;
}

static void a_runs_memory_is_not_that_of_one_before(void **state)
{
    struct step_outcome o;

    if (!is_x86())
        skip();
    world_run_tiny(*state, 60 * LIMIT_MIB / 4096, 128 * LIMIT_MIB, &o);
    assert_int_equal(o.end, STEP_END_EXITED);
    assert_true(o.memory > 59 * LIMIT_MIB);
    step_outcome_done(&o);
    for (int i = 0; i < 20; i++) {
        world_run_tiny(*state, 1, 32 * LIMIT_MIB, &o);
        assert_int_equal(o.end, STEP_END_EXITED);
        assert_int_equal(o.exit_code, 1);
        assert_true(o.memory < 31 * LIMIT_MIB);
        step_outcome_done(&o);
    }
}

/* The kernel gives page tables back when RCU gets to it: after the next run's memory began to be
 * counted, which is before there is one. */
static void what_a_run_gives_back_late_is_not_missing_from_the_next(void **state)
{
    struct step_outcome o;

    for (int i = 0; i < 3; i++) {
        world_run(*state,
                  "import mmap\n"
                  "size, flags = 4 << 30, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000\n"
                  "m = mmap.mmap(-1, size, flags)\n"
                  "m.madvise(mmap.MADV_NOHUGEPAGE)\n"
                  "for i in range(0, size, 2 << 20):\n"
                  "    m[i] = 1\n",
                  NULL, NULL, &o);
        assert_int_equal(o.end, STEP_END_EXITED);
        assert_int_equal(o.exit_code, 0);
        step_outcome_done(&o);
        for (int n = 0; n < 4; n++)
            (void)syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
        world_run(*state, "b = bytearray(20 << 20)", NULL, NULL, &o);
        assert_int_equal(o.end, STEP_END_EXITED);
        assert_true(o.memory > 20 * LIMIT_MIB);
        step_outcome_done(&o);
    }
}

/* Runs a program of that path, which ends at once, where those in Python are run. */
static void run_at(struct world *w, const char *path)
{
    struct step_outcome o;
    struct step s;

    world_step(w, "", NULL, NULL, &s);
    own_close(&s.files[0].fd);
    (void)snprintf(s.files[0].name, sizeof(s.files[0].name), "%s", strrchr(path, '/') + 1);
    s.files[0].executable = true;
    s.files[0].fd = tiny_program(1);
    free(s.argv[0]);
    s.argv[0] = own_strdup(path);
    assert_int_equal(client_run(w->client, &s, &o, NULL), 0);
    assert_int_equal(o.exit_code, 1);
    step_outcome_done(&o);
    world_step_done(&s);
}

/* What is run here begins near, its keeper and its init held to one CPU, and is scheduled as they
 * are not. After one that ends before its start can be told they still are. */
static void a_program_may_use_every_cpu_wherever_it_begins(void **state)
{
    struct step_outcome o;
    cpu_set_t before, after;
    char expected[32];

    assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
    (void)snprintf(expected, sizeof(expected), "%d 0\n", CPU_COUNT(&before));
    for (int i = 0; i < 4; i++) {
        world_run(*state,
                  "import os\nprint(len(os.sched_getaffinity(0)), os.sched_getscheduler(0))", NULL,
                  NULL, &o);
        assert_int_equal(o.end, STEP_END_EXITED);
        assert_true(span_eq(o.out, span_of(expected)));
        step_outcome_done(&o);
        for (int n = 0; is_x86() && n < 4; n++)
            run_at(*state, STEP_WORK_DIR "/x");
    }
    assert_int_equal(sched_getaffinity(0, sizeof(after), &after), 0);
    assert_true(CPU_EQUAL(&before, &after));
}

/* Which may be found under it already when it is sent. */
static void a_programs_name_is_gone_with_it(void **state)
{
    struct step_outcome o;

    if (!is_x86())
        skip();
    run_at(*state, STEP_WORK_DIR "/x");
    run_at(*state, STEP_WORK_DIR "/x");
    run_at(*state, STEP_WORK_DIR "/y");
    world_run(*state, "import os\nprint(os.listdir('.'))", NULL, NULL, &o);
    assert_true(span_eq(o.out, span_of("['main.py']\n")));
    step_outcome_done(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(a_runs_memory_is_not_that_of_one_before),
        BOTH(what_a_run_gives_back_late_is_not_missing_from_the_next),
        BOTH(a_program_may_use_every_cpu_wherever_it_begins),
        BOTH(a_programs_name_is_gone_with_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
