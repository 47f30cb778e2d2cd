/* SPDX-License-Identifier: MPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sandbox/orphan.h"

#include "base/own.h"
#include "sandbox/launch.h"
#include "sandbox/rlimit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { MOMENT_MS = 300 };

/* What a program of level lsm wears. */
enum mark { SETTLED = 1, APPLIED = 2, MEEK = 4, USER = 8, FILTERED = 16, ALL = 31 };

static const uid_t run_user = 0x2fffff10;
static struct filter filter;

static struct ids own_ids(void)
{
    struct ids ids = {.many = geteuid() == 0};

    ids.run = ids.many ? run_user : geteuid();
    return ids;
}

static bool wear(unsigned marks)
{
    const struct step_limits limits = {.cpu_ms = 10000,
                                       .memory = 64 * LIMIT_MIB,
                                       .processes = 64,
                                       .stack = LIMIT_MIB,
                                       .file_size = LIMIT_MIB};

    return (!(marks & SETTLED) || rlimit_settle() == 0) &&
           (!(marks & APPLIED) || (rlimit_prepare() == 0 && rlimit_apply(&limits, false) == 0)) &&
           (!(marks & MEEK) || setpriority(PRIO_PROCESS, 0, LAUNCH_MEEK) == 0) &&
           (!(marks & USER) || geteuid() != 0 ||
            syscall(SYS_setresuid, run_user, run_user, run_user) == 0) &&
           prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           (!(marks & FILTERED) || filter_load(&filter) >= 0);
}

static void rest(void) __attribute__((noreturn));
static void rest(void)
{
    for (;;)
        (void)pause();
}

/* A child with these marks; returns when it has them. */
static pid_t start(unsigned marks)
{
    int said[2];
    char byte;

    assert_int_equal(pipe2(said, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        if (!wear(marks) || write(said[1], "", 1) != 1)
            _exit(1);
        rest();
    }
    (void)close(said[1]);
    assert_int_equal(read(said[0], &byte, 1), 1);
    (void)close(said[0]);
    return pid;
}

/* A program below one with these marks, which is below us. */
struct family {
    pid_t above, program;
};

static void start_family(struct family *f, unsigned marks, const char *name)
{
    int said[2];

    assert_int_equal(pipe2(said, O_CLOEXEC), 0);
    f->above = fork();
    if (f->above == 0) {
        pid_t pid = start(ALL);

        if (!wear(marks) || (name && prctl(PR_SET_NAME, name) < 0))
            _exit(1);
        (void)!write(said[1], &pid, sizeof(pid));
        rest();
    }
    (void)close(said[1]);
    assert_int_equal(read(said[0], &f->program, sizeof(f->program)), sizeof(f->program));
    (void)close(said[0]);
}

static bool is_alive(pid_t pid)
{
    return waitpid(pid, NULL, WNOHANG) == 0;
}

static void end(pid_t pid)
{
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* We have no limits of a stage: to whom we are the parent is to a stranger. */
static void a_program_below_a_stranger_is_killed(void **state)
{
    const struct ids ids = own_ids();
    int status;

    (void)state;
    pid_t pid = start(ALL);
    orphan_sweep(&ids);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void who_lacks_a_mark_is_left_alone(void **state)
{
    const struct ids ids = own_ids();

    (void)state;
    for (unsigned mark = 1; mark < ALL; mark <<= 1) {
        struct ids others = ids;

        /* Who is no root has one user, which is then not ours. */
        others.run += mark == USER;
        pid_t pid = start(ALL & ~mark);
        orphan_sweep(&others);
        if (!is_alive(pid))
            fail_msg("killed without mark %u", mark);
        end(pid);
    }
}

static void a_program_that_has_an_init_is_left_alone(void **state)
{
    const struct ids ids = own_ids();
    struct family f;

    (void)state;
    start_family(&f, SETTLED, NULL);
    orphan_sweep(&ids);
    assert_int_equal(kill(f.program, 0), 0);
    end(f.above);
    end(f.program);
}

static void an_orphan_dies_with_all_below_it(void **state)
{
    const struct ids ids = own_ids();
    struct family f;

    (void)state;
    start_family(&f, ALL, NULL);
    orphan_sweep(&ids);
    assert_int_equal(waitpid(f.above, NULL, 0), f.above);
    assert_int_equal(waitpid(f.program, NULL, 0), f.program);
}

/* Without a keeper an init is about to go: who sweeps waits for it. */
static void what_an_init_leaves_that_has_no_keeper_is_killed(void **state)
{
    const struct ids ids = own_ids();
    struct family f;
    int status;

    (void)state;
    assert_int_equal(prctl(PR_SET_NAME, "stranger"), 0);
    start_family(&f, SETTLED, "init");
    pid_t sweeper = fork();
    if (sweeper == 0) {
        (void)prctl(PR_SET_NAME, "keeper");
        orphan_sweep(&ids);
        _exit(0);
    }
    auto_fd int fd = (int)syscall(SYS_pidfd_open, sweeper, 0);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&p, 1, MOMENT_MS), 0);
    end(f.above);
    assert_int_equal(waitpid(sweeper, &status, 0), sweeper);
    assert_int_equal(status, 0);
    assert_int_equal(waitpid(f.program, &status, 0), f.program);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static int set_up(void **state)
{
    (void)state;
    if (filter_build((struct profile_list){NULL, 0}, 0, &filter, NULL) < 0)
        return -1;
    return prctl(PR_SET_CHILD_SUBREAPER, 1);
}

static int tear_down(void **state)
{
    (void)state;
    filter_done(&filter);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_program_below_a_stranger_is_killed),
        cmocka_unit_test(who_lacks_a_mark_is_left_alone),
        cmocka_unit_test(a_program_that_has_an_init_is_left_alone),
        cmocka_unit_test(an_orphan_dies_with_all_below_it),
        cmocka_unit_test(what_an_init_leaves_that_has_no_keeper_is_killed),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
