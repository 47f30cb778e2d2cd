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
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
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
    size_t n = kin_list(proc, getpid(), all, NULL);
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

static int told;
static pthread_t first;

static void *live_on(void *arg)
{
    (void)arg;
    (void)pthread_join(first, NULL);
    (void)!write(told, "", 1);
    rest();
}

/* A child whose first thread has ended. */
static pid_t headless(int proc)
{
    struct kin k;
    int said[2];
    char byte;
    pthread_t t;

    assert_int_equal(pipe(said), 0);
    const pid_t pid = fork();
    if (pid == 0) {
        told = said[1];
        first = pthread_self();
        (void)pthread_create(&t, NULL, live_on, NULL);
        pthread_exit(NULL);
    }
    assert_int_equal(read(said[0], &byte, 1), 1);
    (void)close(said[0]);
    (void)close(said[1]);
    do
        assert_true(kin_look(proc, pid, &k));
    while (k.state != 'Z');
    return pid;
}

static void who_has_lost_its_first_thread_is_alive(void **state)
{
    auto_fd int proc = open_proc();
    char pid[16], folder[KIN_FOLDER], status[2048];
    struct kin k;

    (void)state;
    const pid_t child = headless(proc);
    (void)snprintf(pid, sizeof(pid), "%d", (int)child);
    assert_true(kin_look(proc, child, &k));
    assert_false(kin_is_dead(&k));
    assert_true(kin_living(proc, pid, folder));
    assert_true(kin_read(proc, folder, "status", status, sizeof(status)));
    assert_true(kin_number(status, "\nVmSize:") > 0);
    kin_kill(proc, (struct kin_user){0, 0});
    assert_int_equal(waitpid(child, NULL, WNOHANG), -1);
}

static void who_is_dead_and_not_waited_for_is_dead(void **state)
{
    auto_fd int proc = open_proc();
    char pid[16], folder[KIN_FOLDER];
    siginfo_t info;
    struct kin k;

    (void)state;
    const pid_t child = fork();
    if (child == 0)
        _exit(0);
    assert_int_equal(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
    (void)snprintf(pid, sizeof(pid), "%d", (int)child);
    assert_true(kin_look(proc, child, &k));
    assert_true(kin_is_dead(&k));
    assert_false(kin_living(proc, pid, folder));
    assert_int_equal(waitpid(child, NULL, 0), child);
}

/* A /proc of one process with two threads, of which the first has given up its memory, but is not
 * dead yet. Their numbers are long, as where there are more processes than 99,999. */
static const struct {
    const char *path, *text;
} made[] = {
    {"4194304", NULL},
    {"4194304/status", "Name:\tx\nState:\tR (running)\n"},
    {"4194304/task", NULL},
    {"4194304/task/4194304", NULL},
    {"4194304/task/4194304/status", "Name:\tx\nState:\tR (running)\n"},
    {"4194304/task/4194303", NULL},
    {"4194304/task/4194303/status", "Name:\tx\nVmSize:\t4711 kB\n"},
};

static void who_is_about_to_lose_its_first_thread_is_alive(void **state)
{
    char top[] = "/tmp/test_kin.XXXXXX", folder[KIN_FOLDER], text[64];

    (void)state;
    assert_non_null(mkdtemp(top));
    auto_fd int proc = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; i < ARRAY_LEN(made); i++) {
        auto_fd int fd = made[i].text ? openat(proc, made[i].path, O_CREAT | O_WRONLY, 0600) : -1;
        const ssize_t len = made[i].text ? (ssize_t)strlen(made[i].text) : 0;

        assert_true(made[i].text ? write(fd, made[i].text, (size_t)len) == len
                                 : mkdirat(proc, made[i].path, 0700) == 0);
    }
    assert_true(kin_living(proc, "4194304", folder));
    assert_string_equal(folder, "4194304/task/4194303");
    assert_true(kin_read(proc, folder, "status", text, sizeof(text)));
    assert_int_equal(kin_number(text, "\nVmSize:"), 4711);
    for (size_t i = ARRAY_LEN(made); i-- > 0;)
        assert_int_equal(unlinkat(proc, made[i].path, made[i].text ? 0 : AT_REMOVEDIR), 0);
    assert_int_equal(rmdir(top), 0);
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
        cmocka_unit_test(who_has_lost_its_first_thread_is_alive),
        cmocka_unit_test(who_is_dead_and_not_waited_for_is_dead),
        cmocka_unit_test(who_is_about_to_lose_its_first_thread_is_alive),
        cmocka_unit_test(a_fork_bomb_does_not_outrun_it),
        cmocka_unit_test(others_are_left_alone),
        cmocka_unit_test(one_kill_reaches_all_of_a_user),
        cmocka_unit_test(whoever_kills_a_user_cannot_be_stopped_by_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
