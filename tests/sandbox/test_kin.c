/* SPDX-License-Identifier: MPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sandbox/kin.h"

#include "base/own.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static int open_proc(void)
{
    int fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    assert_true(fd >= 0);
    return fd;
}

static void rest(void) __attribute__((noreturn));
static void rest(void)
{
    for (;;)
        (void)pause();
}

/* A child in a session of its own with a child that has left it too, and says when all are there.
 */
static void scatter(int said)
{
    if (fork() != 0)
        return;
    (void)setsid();
    if (fork() == 0) {
        (void)setpgid(0, 0);
        (void)signal(SIGTERM, SIG_IGN);
        (void)!write(said, "", 1);
        rest();
    }
    /* The middle one dies: its child is an orphan. */
    _exit(0);
}

static unsigned below(int proc)
{
    auto_free struct kin *all = own_calloc(KIN_MAX, sizeof(*all));
    size_t n = kin_list(proc, getpid(), all);
    unsigned found = 0;

    for (size_t i = 0; i < n; i++)
        found += all[i].below;
    return found;
}

static void an_orphan_in_a_session_of_its_own_is_found_and_killed(void **state)
{
    auto_fd int proc = open_proc();
    int said[2];
    char byte;

    (void)state;
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    assert_int_equal(pipe(said), 0);
    for (unsigned i = 0; i < 5; i++)
        scatter(said[1]);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(read(said[0], &byte, 1), 1);
    assert_true(below(proc) >= 5);
    kin_kill(proc, (struct kin_user){0, 0});
    assert_int_equal(below(proc), 0);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    (void)close(said[0]);
    (void)close(said[1]);
}

static void a_fork_bomb_does_not_outrun_it(void **state)
{
    auto_fd int proc = open_proc();
    int said[2];
    char byte;

    (void)state;
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    assert_int_equal(pipe(said), 0);
    if (fork() == 0) {
        /* Bounded, should the test fail: a line of 4000 processes, each the parent of the next. */
        (void)!write(said[1], "", 1);
        for (int i = 0; i < 4000; i++)
            if (fork() != 0)
                _exit(0);
        rest();
    }
    assert_int_equal(read(said[0], &byte, 1), 1);
    kin_kill(proc, (struct kin_user){0, 0});
    assert_int_equal(below(proc), 0);
    (void)close(said[0]);
    (void)close(said[1]);
}

static void others_are_left_alone(void **state)
{
    auto_fd int proc = open_proc();
    int said[2], status;
    char byte;

    (void)state;
    assert_int_equal(pipe(said), 0);
    pid_t other = fork();
    if (other == 0)
        rest();
    /* Kills all below itself: its sibling is not. */
    pid_t killer = fork();
    if (killer == 0) {
        if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
            _exit(1);
        if (fork() == 0)
            rest();
        kin_kill(proc, (struct kin_user){0, 0});
        (void)!write(said[1], "", 1);
        _exit(0);
    }
    assert_int_equal(read(said[0], &byte, 1), 1);
    assert_int_equal(waitpid(killer, &status, 0), killer);
    assert_int_equal(status, 0);
    assert_int_equal(waitpid(other, NULL, WNOHANG), 0);
    assert_int_equal(kill(other, SIGKILL), 0);
    assert_int_equal(waitpid(other, NULL, 0), other);
    (void)close(said[0]);
    (void)close(said[1]);
}

static void shoot(void) __attribute__((noreturn));
static void shoot(void)
{
    for (;;)
        (void)kill(-1, SIGSTOP);
}

/* A child of that user is killed with all of the user's; `act` is what it does meanwhile. */
static void kill_as_one(uid_t user, void (*act)(void))
{
    auto_fd int proc = open_proc();
    int said[2];
    char byte;

    if (geteuid() != 0)
        skip();
    assert_int_equal(pipe(said), 0);
    if (fork() == 0) {
        if (syscall(SYS_setresuid, user, user, user) < 0)
            _exit(1);
        (void)!write(said[1], "", 1);
        act();
    }
    assert_int_equal(read(said[0], &byte, 1), 1);
    assert_true(kin_threads(proc, 0) >= 1);
    (void)alarm(30);
    kin_kill(proc, (struct kin_user){user, user - 1});
    (void)alarm(0);
    assert_int_equal(below(proc), 0);
    (void)close(said[0]);
    (void)close(said[1]);
}

static void one_kill_reaches_all_of_a_user(void **state)
{
    (void)state;
    kill_as_one(0x2fffff00, rest);
}

/* It stops whomever it may, all the time, with the killer of its kind among them. */
static void whoever_kills_a_user_cannot_be_stopped_by_it(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++)
        kill_as_one(0x2fffff01, shoot);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_orphan_in_a_session_of_its_own_is_found_and_killed),
        cmocka_unit_test(a_fork_bomb_does_not_outrun_it),
        cmocka_unit_test(others_are_left_alone),
        cmocka_unit_test(one_kill_reaches_all_of_a_user),
        cmocka_unit_test(whoever_kills_a_user_cannot_be_stopped_by_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
