/* SPDX-License-Identifier: MPL-2.0 */
/* How runs begin, one after the other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/sandbox/tiny.h"
#include "tests/sandbox/world.h"

#include <fcntl.h>
#include <inttypes.h>
#include <linux/membarrier.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>

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

/* Those that the last two runs had are in place before there is a run. */
static void a_run_has_its_own_rlimits_whatever_those_before_had(void **state)
{
    static const struct {
        uint64_t mib, seconds;
    } runs[] = {{16, 4}, {16, 4}, {16, 4}, {16, 4}, {8, 2},  {16, 4}, {16, 4}, {16, 4},
                {32, 4}, {32, 4}, {32, 4}, {32, 9}, {32, 9}, {32, 9}, {8, 9}};
    struct step_outcome o;
    char expected[128];

    for (size_t i = 0; i < ARRAY_LEN(runs); i++) {
        const uint64_t bytes = runs[i].mib * LIMIT_MIB;
        const struct step_limits limits = {.cpu_ms = runs[i].seconds * 1000,
                                           .wall_ms = 10000,
                                           .memory = 256 * LIMIT_MIB,
                                           .output = 4096,
                                           .processes = 8,
                                           .stack = bytes,
                                           .file_size = bytes,
                                           .files = 16};

        world_run(*state,
                  "from resource import *\n"
                  "print(*[getrlimit(x) for x in (RLIMIT_FSIZE, RLIMIT_STACK, RLIMIT_CPU, "
                  "RLIMIT_NOFILE)])",
                  NULL, &limits, &o);
        (void)snprintf(expected, sizeof(expected),
                       "(%" PRIu64 ", %" PRIu64 ") (%" PRIu64 ", %" PRIu64 ") (%" PRIu64
                       ", %" PRIu64 ") (1024, 1024)\n",
                       bytes, bytes, bytes, bytes, runs[i].seconds + 2, runs[i].seconds + 2);
        assert_int_equal(o.end, STEP_END_EXITED);
        assert_true(span_eq(o.out, span_of(expected)));
        step_outcome_done(&o);
    }
}

/* The only child, or one of them, of a process of ours; waits for one. */
static pid_t child_of(pid_t pid)
{
    const struct timespec ms = {.tv_nsec = 1000000};
    char path[64], text[256];

    (void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
    for (int i = 0; i < 5000; i++) {
        auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

        if (n > 0) {
            text[n] = '\0';
            return (pid_t)strtol(text, NULL, 10);
        }
        (void)nanosleep(&ms, NULL);
    }
    return 0;
}

static void kill_and_await(pid_t pid)
{
    auto_fd int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd p = {.fd = fd, .events = POLLIN};

    assert_true(pid > 0 && fd >= 0);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(poll(&p, 1, 10000), 1);
}

static void who_died_while_nothing_ran_is_replaced_by_the_next_run(void **state)
{
    struct step_outcome o;

    for (int i = 0; i < 8; i++) {
        world_run(*state, "print('here')", NULL, NULL, &o);
        assert_int_equal(o.end, STEP_END_EXITED);
        assert_true(span_eq(o.out, span_of("here\n")));
        step_outcome_done(&o);
        const pid_t stage = child_of(child_of(getpid()));
        kill_and_await(i % 2 ? stage : child_of(stage));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(a_runs_memory_is_not_that_of_one_before),
        BOTH(what_a_run_gives_back_late_is_not_missing_from_the_next),
        BOTH(a_program_may_use_every_cpu_wherever_it_begins),
        BOTH(a_programs_name_is_gone_with_it),
        BOTH(a_run_has_its_own_rlimits_whatever_those_before_had),
        BOTH(who_died_while_nothing_ran_is_replaced_by_the_next_run),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
