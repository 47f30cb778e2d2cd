/* SPDX-License-Identifier: MPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sandbox/report.h"
#include "sandbox/seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { X32 = 0x40000000, OPEN_CODE = 99 };

static const struct profile_list none = {NULL, 0};

/* Runs `body` behind a filter in a child. Returns its wait status. */
static int behind(const struct filter *f, int (*body)(void))
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || filter_load(f) < 0)
            _exit(OPEN_CODE);
        _exit(body());
    }
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static int fails_with(long r, int code)
{
    return r == -1 && errno == code ? 0 : 1;
}

static int make_socket(void)
{
    return fails_with(syscall(SYS_socket, AF_INET, SOCK_STREAM, 0), EPERM);
}

static int call_clone3(void)
{
    return fails_with(syscall(SYS_clone3, NULL, 0), ENOSYS);
}

static int new_namespace(void)
{
    return fails_with(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0), ENOSYS);
}

static int unheard_of(void)
{
    return fails_with(syscall(9999), ENOSYS);
}

static int work(void)
{
    return getpid() > 0 && write(1, "", 0) == 0 ? 0 : 1;
}

static int call_ptrace(void)
{
    return (int)syscall(SYS_ptrace, 0, 0, 0, 0);
}

static int call_x32(void)
{
    return (int)syscall(X32 | SYS_getpid);
}

static void calls_are_allowed_absent_or_refused_as_a_libc_expects(void **state)
{
    struct filter f;

    (void)state;
    assert_int_equal(filter_build(none, false, &f, NULL), 0);
    assert_int_equal(behind(&f, work), 0);
    assert_int_equal(behind(&f, make_socket), 0);
    assert_int_equal(behind(&f, call_clone3), 0);
    assert_int_equal(behind(&f, new_namespace), 0);
    assert_int_equal(behind(&f, unheard_of), 0);
    filter_done(&f);
}

static bool opens(int flags)
{
    auto_fd int one = open("/dev/null", flags, 0600);
    auto_fd int other = (int)syscall(SYS_open, "/dev/null", flags, 0600);

    return one >= 0 && other >= 0;
}

static int open_all_ways(void)
{
    static const int more[] = {0, O_CREAT, O_APPEND | O_NONBLOCK, O_CLOEXEC};
    int wrong = 0;

    for (size_t i = 0; i < ARRAY_LEN(more); i++) {
        wrong +=
            !opens(O_RDONLY | more[i]) || !opens(O_WRONLY | more[i]) || !opens(O_RDWR | more[i]);
        wrong += !opens(O_WRONLY | O_TRUNC | more[i]) || !opens(O_RDWR | O_TRUNC | more[i]);
        wrong += opens(O_RDONLY | O_TRUNC | more[i]);
        wrong += opens(O_ACCMODE | more[i]) || opens(O_ACCMODE | O_TRUNC | more[i]);
    }
    return wrong + fails_with(syscall(SYS_openat2, AT_FDCWD, "/dev/null", NULL, 0), ENOSYS);
}

static void a_shared_file_is_not_opened_past_landlock(void **state)
{
    struct filter f;

    (void)state;
    assert_int_equal(filter_build(none, FILTER_SHARED, &f, NULL), 0);
    assert_int_equal(behind(&f, open_all_ways), 0);
    filter_done(&f);
}

static void what_no_honest_program_calls_kills(void **state)
{
    struct filter f;

    (void)state;
    assert_int_equal(filter_build(none, false, &f, NULL), 0);
    assert_int_equal(WTERMSIG(behind(&f, call_ptrace)), SIGSYS);
    assert_int_equal(WTERMSIG(behind(&f, call_x32)), SIGSYS);
    filter_done(&f);
}

static void a_profile_can_allow_more_but_nothing_deadly(void **state)
{
    const char *const sockets[] = {"socket"}, *const mount[] = {"mount"},
                      *const typo[] = {"sokcet"};
    struct filter f;

    (void)state;
    assert_int_equal(filter_build((struct profile_list){sockets, 1}, false, &f, NULL), 0);
    assert_int_equal(WEXITSTATUS(behind(&f, make_socket)), 1);
    filter_done(&f);
    assert_int_equal(filter_build((struct profile_list){mount, 1}, false, &f, NULL), -EPERM);
    assert_int_equal(filter_build((struct profile_list){typo, 1}, false, &f, NULL), -EINVAL);
}

static int change_others(void)
{
    if (fails_with(chmod("/", 0755), EPERM) || fails_with(truncate("/", 0), EPERM) ||
        fails_with(setpriority(PRIO_PROCESS, 1, 0), EPERM))
        return 1;
    return kill(getpid(), 0) == 0 ? 0 : 2;
}

static int signal_anybody(void)
{
    if (fails_with(kill(getpid(), 0), EPERM) || fails_with(fcntl(1, F_SETOWN, 1), ENOSYS))
        return 1;
    return fcntl(1, F_GETFL) < 0 ? 2 : 0;
}

static void what_reaches_others_is_refused_where_nothing_hides_them(void **state)
{
    struct filter f;

    (void)state;
    assert_int_equal(filter_build(none, 0, &f, NULL), 0);
    assert_int_equal(WEXITSTATUS(behind(&f, signal_anybody)), 1);
    filter_done(&f);
    assert_int_equal(filter_build(none, FILTER_SHARED, &f, NULL), 0);
    assert_int_equal(behind(&f, change_others), 0);
    filter_done(&f);
    assert_int_equal(filter_build(none, FILTER_SHARED | FILTER_NO_SIGNALS, &f, NULL), 0);
    assert_int_equal(behind(&f, signal_anybody), 0);
    filter_done(&f);
}

/* The child of the next test: a refused call, one that is absent, one that is deadly. */
static void tell(int sock, const struct filter *f) __attribute__((noreturn));
static void tell(int sock, const struct filter *f)
{
    int listener = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -1 : filter_load(f);

    if (listener <= 0 || report_fd(sock, REPORT_LISTENER, listener) < 0)
        _exit(OPEN_CODE);
    (void)close(listener);
    if (make_socket() != 0 || unheard_of() != 0)
        _exit(1);
    (void)call_ptrace();
    _exit(2);
}

static void the_listener_names_each_call_and_answers(void **state)
{
    struct filter f;
    struct report rep;
    struct refusal r;
    int pair[2], listener, status;

    (void)state;
    assert_int_equal(filter_build(none, true, &f, NULL), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    pid_t pid = fork();
    if (pid == 0)
        tell(pair[1], &f);
    assert_int_equal(report_read(pair[0], &rep, &listener), 1);
    assert_int_equal(rep.what, REPORT_LISTENER);
    assert_int_equal(filter_take(listener, &r), 1);
    assert_string_equal(r.name, "socket");
    assert_true(r.named && !r.deadly);
    assert_int_equal(filter_take(listener, &r), 1);
    assert_false(r.named || r.deadly);
    assert_int_equal(filter_take(listener, &r), 1);
    assert_string_equal(r.name, "ptrace");
    assert_true(r.deadly);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WTERMSIG(status), SIGKILL);
    (void)close(listener);
    (void)close(pair[0]);
    (void)close(pair[1]);
    filter_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_are_allowed_absent_or_refused_as_a_libc_expects),
        cmocka_unit_test(a_shared_file_is_not_opened_past_landlock),
        cmocka_unit_test(what_no_honest_program_calls_kills),
        cmocka_unit_test(a_profile_can_allow_more_but_nothing_deadly),
        cmocka_unit_test(what_reaches_others_is_refused_where_nothing_hides_them),
        cmocka_unit_test(the_listener_names_each_call_and_answers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
