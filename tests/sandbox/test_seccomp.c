/* SPDX-License-Identifier: MPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <seccomp.h>

#include "sandbox/calls.h"
#include "sandbox/report.h"
#include "sandbox/seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

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

/* Whoever reads the pipe would wait with them. */
static int copy_within_the_kernel(void)
{
    int fds[2], ends[2];

    if (pipe(fds) < 0 || pipe(ends) < 0)
        return 1;
    return fails_with(syscall(SYS_splice, fds[0], NULL, ends[1], NULL, 1, 0), EINVAL) +
           fails_with(syscall(SYS_tee, fds[0], ends[1], 1, 0), EINVAL) +
           fails_with(syscall(SYS_sendfile, ends[1], fds[0], NULL, 1), EINVAL) +
           fails_with(syscall(SYS_copy_file_range, fds[0], NULL, ends[1], NULL, 1, 0), EINVAL);
}

static void calls_are_allowed_absent_or_refused_as_a_libc_expects(void **state)
{
    struct filter f;

    (void)state;
    assert_int_equal(filter_build(none, 0, &f, NULL), 0);
    assert_int_equal(behind(&f, work), 0);
    assert_int_equal(behind(&f, make_socket), 0);
    assert_int_equal(behind(&f, call_clone3), 0);
    assert_int_equal(behind(&f, new_namespace), 0);
    assert_int_equal(behind(&f, unheard_of), 0);
    assert_int_equal(behind(&f, copy_within_the_kernel), 0);
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
    assert_int_equal(filter_build(none, 0, &f, NULL), 0);
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
    assert_int_equal(filter_build((struct profile_list){sockets, 1}, 0, &f, NULL), 0);
    assert_int_equal(WEXITSTATUS(behind(&f, make_socket)), 1);
    filter_done(&f);
    assert_int_equal(filter_build((struct profile_list){mount, 1}, 0, &f, NULL), -EPERM);
    assert_int_equal(filter_build((struct profile_list){typo, 1}, 0, &f, NULL), -EINVAL);
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

static void ask(int sock, const struct filter *f, int (*body)(void)) __attribute__((noreturn));
static void ask(int sock, const struct filter *f, int (*body)(void))
{
    int listener = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -1 : filter_load(f);

    if (listener <= 0 || report_fd(sock, REPORT_LISTENER, listener) < 0)
        _exit(OPEN_CODE);
    (void)close(listener);
    _exit(body());
}

/* A child that runs `body` behind a filter whose listener we get. */
static pid_t asking(const struct filter *f, int (*body)(void), int *ret_listener)
{
    struct report rep;
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    pid_t pid = fork();
    if (pid == 0)
        ask(pair[1], f, body);
    assert_int_equal(report_read(pair[0], &rep, ret_listener), 1);
    assert_int_equal(rep.what, REPORT_LISTENER);
    (void)close(pair[0]);
    (void)close(pair[1]);
    return pid;
}

/* A refused call, one that is absent, one that is deadly. */
static int call_all_three(void)
{
    return make_socket() != 0 || unheard_of() != 0 ? 1 : call_ptrace();
}

static void the_listener_names_each_call_and_answers(void **state)
{
    struct filter f;
    struct refusal r;
    int listener, status;

    (void)state;
    assert_int_equal(filter_build(none, FILTER_LISTENS, &f, NULL), 0);
    pid_t pid = asking(&f, call_all_three, &listener);
    assert_int_equal(filter_take(listener, f.flags, &r), 1);
    assert_string_equal(r.name, "socket");
    assert_true(r.named && !r.deadly);
    assert_int_equal(filter_take(listener, f.flags, &r), 1);
    assert_false(r.named || r.deadly);
    assert_int_equal(filter_take(listener, f.flags, &r), 1);
    assert_string_equal(r.name, "ptrace");
    assert_true(r.deadly);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WTERMSIG(status), SIGKILL);
    (void)close(listener);
    filter_done(&f);
}

static size_t times_listed(const char *call)
{
    size_t n = 0;

    for (size_t i = 0; i < call_groups_n; i++)
        for (size_t k = 0; k < call_groups[i].n_calls; k++)
            n += strcmp(call_groups[i].calls[k], call) == 0;
    return n;
}

static void a_call_is_in_one_group_only(void **state)
{
    (void)state;
    for (size_t i = 0; i < call_groups_n; i++) {
        const struct call_group *g = &call_groups[i];

        assert_ptr_equal(call_group_find(g->name), g);
        for (size_t k = 0; k < g->n_calls; k++)
            assert_int_equal(times_listed(g->calls[k]), 1);
        for (size_t k = 0; k < g->n_rules; k++)
            assert_int_equal(times_listed(g->rules[k].call), 0);
    }
    assert_null(call_group_find("@nothing"));
}

static const struct call_group *asked; /* of the next test */

static int call_all_of_it(void)
{
    int wrong = 0;

    for (size_t i = 0; i < asked->n_calls; i++) {
        int nr = seccomp_syscall_resolve_name(asked->calls[i]);

        if (nr >= 0)
            wrong += fails_with(syscall(nr, -1L, -1L, -1L, -1L, -1L, -1L), EPERM);
    }
    return wrong;
}

static void a_group_that_is_not_named_is_refused(void **state)
{
    struct filter f;

    (void)state;
    assert_int_equal(filter_build(none, 0, &f, NULL), 0);
    for (size_t i = 0; i < call_groups_n; i++) {
        asked = &call_groups[i];
        if (asked->kind == CALLS_ASKED || asked->kind == CALLS_REFUSED)
            assert_int_equal(behind(&f, call_all_of_it), 0);
    }
    filter_done(&f);
}

static int make_process(void)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    return pid < 0 ? 1 : 0;
}

static void *nothing(void *arg)
{
    return arg;
}

static int make_thread(void)
{
    pthread_t t;

    return pthread_create(&t, NULL, nothing, NULL) || pthread_join(t, NULL);
}

static void processes_are_for_who_asks_and_threads_for_all(void **state)
{
    const char *const processes[] = {"@processes"}, *const mounts[] = {"@mounts"},
                      *const idle[] = {"@idle"}, *const typo[] = {"@prosesses"};
    struct filter f;

    (void)state;
    assert_int_equal(filter_build(none, 0, &f, NULL), 0);
    assert_int_equal(WEXITSTATUS(behind(&f, make_process)), 1);
    assert_int_equal(behind(&f, make_thread), 0);
    filter_done(&f);
    assert_int_equal(filter_build((struct profile_list){processes, 1}, 0, &f, NULL), 0);
    assert_int_equal(behind(&f, make_process), 0);
    assert_int_equal(behind(&f, new_namespace), 0);
    filter_done(&f);
    assert_int_equal(filter_build((struct profile_list){mounts, 1}, 0, &f, NULL), -EPERM);
    assert_int_equal(filter_build((struct profile_list){idle, 1}, 0, &f, NULL), -EPERM);
    assert_int_equal(filter_build((struct profile_list){typo, 1}, 0, &f, NULL), -EINVAL);
}

static const struct profile_list pairs = {(const char *const[]){"@pairs"}, 1};

static bool pair_of(int kind)
{
    int fds[2];

    return socketpair(AF_UNIX, kind, 0, fds) == 0;
}

static int talk(void)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX, .sun_path = "/nowhere"};
    char c = 'x';
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        return 1;
    if (send(fds[0], &c, 1, MSG_NOSIGNAL) != 1 || recv(fds[1], &c, 1, 0) != 1)
        return 2;
    if (fails_with(send(fds[0], &c, 1, MSG_OOB), ENOSYS))
        return 3;
    if (fails_with(sendto(fds[0], &c, 1, 0, (struct sockaddr *)&to, sizeof(to)), ENOSYS))
        return 4;
    if (socketpair(AF_INET, SOCK_STREAM, 0, fds) == 0 || errno != ENOSYS)
        return 5;
    return 0;
}

static int pair_kinds(void)
{
    return (pair_of(SOCK_STREAM) ? 1 : 0) | (pair_of(SOCK_SEQPACKET) ? 2 : 0) |
           (pair_of(SOCK_DGRAM) ? 4 : 0) | (pair_of(SOCK_RAW) ? 8 : 0);
}

static void a_pair_of_sockets_reaches_nobody_else(void **state)
{
    struct filter f;

    (void)state;
    assert_int_equal(filter_build(pairs, 0, &f, NULL), 0);
    assert_int_equal(behind(&f, talk), 0);
    assert_int_equal(WEXITSTATUS(behind(&f, pair_kinds)), 7);
    filter_done(&f);
    assert_int_equal(filter_build(pairs, FILTER_SHARED, &f, NULL), 0);
    assert_int_equal(WEXITSTATUS(behind(&f, pair_kinds)), 3);
    filter_done(&f);
    assert_int_equal(filter_build(pairs, FILTER_UNCOUNTED, &f, NULL), 0);
    assert_int_equal(WEXITSTATUS(behind(&f, pair_kinds)), 0);
    filter_done(&f);
}

static int make_nameless(void)
{
    return fails_with(syscall(SYS_memfd_create, "x", 0), EPERM);
}

static void memory_that_nobody_counts_is_refused(void **state)
{
    const char *const nameless[] = {"@nameless"};
    const struct profile_list asked_for = {nameless, 1};
    struct filter f;

    (void)state;
    assert_int_equal(filter_build(none, 0, &f, NULL), 0);
    assert_int_equal(behind(&f, make_nameless), 0);
    filter_done(&f);
    assert_int_equal(filter_build(asked_for, 0, &f, NULL), 0);
    assert_int_equal(WEXITSTATUS(behind(&f, make_nameless)), 1);
    filter_done(&f);
    assert_int_equal(filter_build(asked_for, FILTER_UNCOUNTED, &f, NULL), 0);
    assert_int_equal(behind(&f, make_nameless), 0);
    filter_done(&f);
}

/* A kernel that has them would say that there is no memory, or no such descriptor. */
static int map_huge_pages(void)
{
    static const int kinds[] = {MAP_PRIVATE | MAP_ANONYMOUS, MAP_SHARED | MAP_ANONYMOUS,
                                MAP_PRIVATE};
    static const unsigned logs[] = {0, 21, 30};
    int wrong = 0;

    for (size_t i = 0; i < ARRAY_LEN(kinds) * ARRAY_LEN(logs); i++) {
        const unsigned size = logs[i % ARRAY_LEN(logs)] << MAP_HUGE_SHIFT;
        const int flags = kinds[i / ARRAY_LEN(logs)] | MAP_HUGETLB | (int)size;

        wrong += fails_with((long)mmap(NULL, 1 << 21, PROT_READ, flags, -1, 0), EINVAL);
        wrong += fails_with(syscall(SYS_memfd_create, "x", MFD_HUGETLB | size), EINVAL);
    }
    return wrong + (mmap(NULL, 1 << 21, PROT_READ, kinds[0], -1, 0) == MAP_FAILED);
}

static void huge_pages_are_nowhere(void **state)
{
    const char *const nameless[] = {"@nameless"};
    const struct profile_list asked_for = {nameless, 1};
    struct filter f;

    (void)state;
    for (unsigned flags = 0; flags <= FILTER_LISTENS; flags++) {
        assert_int_equal(filter_build(asked_for, flags, &f, NULL), 0);
        assert_int_equal(behind(&f, map_huge_pages), 0);
        filter_done(&f);
    }
}

static int ask_for_names(void)
{
    return fails_with(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), EAFNOSUPPORT);
}

static int ask_for_a_network(void)
{
    return ask_for_names() + fails_with(socket(AF_INET, SOCK_STREAM, 0), EAFNOSUPPORT) +
           fails_with(socket(AF_INET6, SOCK_STREAM, 0), EAFNOSUPPORT);
}

static int ask_nothing(void)
{
    return make_socket() +
           fails_with(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), EPERM);
}

/* There is a listener, but nobody here who could answer for it. */
static void no_listener_hears_who_asks_for_what_is_not_there(void **state)
{
    const struct profile_list offline = {(const char *const[]){"@offline"}, 1};
    struct filter f;

    (void)state;
    assert_int_equal(filter_build(none, FILTER_LISTENS, &f, NULL), 0);
    assert_int_equal(behind(&f, ask_for_names), 0);
    filter_done(&f);
    assert_int_equal(filter_build(offline, FILTER_LISTENS, &f, NULL), 0);
    assert_int_equal(behind(&f, ask_for_a_network), 0);
    filter_done(&f);
    assert_int_equal(filter_build(offline, 0, &f, NULL), 0);
    assert_int_equal(behind(&f, ask_nothing), 0);
    filter_done(&f);
}

static int make_pairs(void)
{
    return pair_kinds() | (pair_of(SOCK_STREAM) ? 16 : 0);
}

static void few_pairs_are_handed_out_by_the_listener(void **state)
{
    struct filter f;
    struct refusal r;
    int listener, status;

    (void)state;
    assert_int_equal(
        filter_build(pairs, FILTER_LISTENS | FILTER_SHARED | FILTER_UNCOUNTED, &f, NULL), 0);
    pid_t pid = asking(&f, make_pairs, &listener);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(filter_take(listener, f.flags, &r), 1);
        assert_string_equal(r.name, "socketpair");
        assert_int_equal(r.named, i >= 2);
        assert_int_equal(r.cost, FILTER_COST);
    }
    (void)close(listener); /* as who has counted enough of them */
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WEXITSTATUS(status), 3);
    filter_done(&f);
}

/* Which of three watches there are, the first taken back. */
static int make_watches(void)
{
    struct epoll_event e = {.events = EPOLLIN};
    int fds[2], ep = epoll_create1(0), made = pipe(fds) < 0 ? OPEN_CODE : 0;

    for (int i = 0; i < 3; i++) {
        made |= epoll_ctl(ep, EPOLL_CTL_ADD, fds[i % 2], &e) == 0 ? 1 << i : 0;
        made |= i == 0 && epoll_ctl(ep, EPOLL_CTL_DEL, fds[0], &e) < 0 ? OPEN_CODE : 0;
    }
    return made;
}

static const struct profile_list events = {(const char *const[]){"@events"}, 1};

/* The kernel counts them by user, and a node that has run out of them takes no connection. */
static void watches_are_handed_out_by_the_listener(void **state)
{
    struct filter f;
    struct refusal r;
    int listener, status;

    (void)state;
    assert_int_equal(filter_build(events, FILTER_LISTENS | FILTER_UNCOUNTED, &f, NULL), 0);
    pid_t pid = asking(&f, make_watches, &listener);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(filter_take(listener, f.flags, &r), 1);
        assert_string_equal(r.name, "epoll_ctl");
        assert_false(r.named || r.deadly);
        assert_int_equal(r.cost, FILTER_COST_WATCH);
    }
    (void)close(listener); /* as who has counted enough of them */
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WEXITSTATUS(status), 3);
    filter_done(&f);
}

static void watches_are_the_programs_own_where_they_are_counted(void **state)
{
    static const unsigned kinds[] = {0, FILTER_LISTENS, FILTER_UNCOUNTED};
    struct filter f;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        assert_int_equal(filter_build(events, kinds[i], &f, NULL), 0);
        assert_int_equal(WEXITSTATUS(behind(&f, make_watches)), 7);
        filter_done(&f);
    }
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
        cmocka_unit_test(a_call_is_in_one_group_only),
        cmocka_unit_test(a_group_that_is_not_named_is_refused),
        cmocka_unit_test(processes_are_for_who_asks_and_threads_for_all),
        cmocka_unit_test(a_pair_of_sockets_reaches_nobody_else),
        cmocka_unit_test(no_listener_hears_who_asks_for_what_is_not_there),
        cmocka_unit_test(memory_that_nobody_counts_is_refused),
        cmocka_unit_test(huge_pages_are_nowhere),
        cmocka_unit_test(few_pairs_are_handed_out_by_the_listener),
        cmocka_unit_test(watches_are_handed_out_by_the_listener),
        cmocka_unit_test(watches_are_the_programs_own_where_they_are_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
