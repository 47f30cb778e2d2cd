/* SPDX-License-Identifier: MPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sandbox/crowd.h"

#include "base/own.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { TOUCHED = 32 * 1024 * 1024 };

static const struct step_limits limits = {.processes = 100, .memory = 48 * LIMIT_MIB};

/* A grandchild that holds memory, says so, and waits until `go` is closed. It has the name of what
 * is looked for. */
static void hold(int said, int go) __attribute__((noreturn));
static void hold(int said, int go)
{
    char byte;

    if (fork() == 0) {
        char *p = mmap(NULL, TOUCHED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (p == MAP_FAILED)
            _exit(1);
        memset(p, 1, TOUCHED);
        (void)prctl(PR_SET_NAME, "VmPTE:99999999");
        (void)!write(said, "", 1);
        (void)!read(go, &byte, 1);
        _exit(0);
    }
    (void)wait(NULL);
    _exit(0);
}

static void a_tree_is_seen_to_its_leaves(void **state)
{
    int said[2], go[2];
    char byte;
    struct crowd c;
    auto_fd int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    (void)state;
    assert_int_equal(pipe(said), 0);
    assert_int_equal(pipe(go), 0);
    pid_t pid = fork();
    if (pid == 0) {
        (void)close(go[1]);
        hold(said[1], go[0]);
    }
    assert_int_equal(read(said[0], &byte, 1), 1);
    assert_true(crowd_measure(proc, pid, &limits, &c));
    assert_int_equal(c.threads, 1);
    assert_true(c.memory >= TOUCHED && c.memory < 2 * TOUCHED);
    (void)close(go[1]);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_true(crowd_measure(proc, pid, &limits, &c));
    assert_int_equal(c.threads, 0);
}

/* Two that share what was touched before they were two. */
static void what_is_shared_counts_once(void **state)
{
    int said[2], go[2];
    char byte;
    struct crowd c;
    auto_fd int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    (void)state;
    assert_int_equal(pipe(said), 0);
    assert_int_equal(pipe(go), 0);
    pid_t pid = fork();
    if (pid == 0) {
        (void)close(go[1]);
        if (fork() == 0) {
            char *p =
                mmap(NULL, TOUCHED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

            if (p == MAP_FAILED)
                _exit(1);
            memset(p, 1, TOUCHED);
            (void)fork();
            (void)!write(said[1], "", 1);
            (void)!read(go[0], &byte, 1);
            (void)wait(NULL);
            _exit(0);
        }
        (void)wait(NULL);
        _exit(0);
    }
    assert_int_equal(read(said[0], &byte, 1), 1);
    assert_int_equal(read(said[0], &byte, 1), 1);
    assert_true(crowd_measure(proc, pid, &limits, &c));
    assert_int_equal(c.threads, 2);
    assert_false(c.blind);
    assert_true(c.memory >= TOUCHED && c.memory < limits.memory);
    (void)close(go[1]);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* A /proc of our own making, of an init and those below it, where whoever asks how memory is
 * shared waits for ever. */
struct made {
    char path[32];
    int fd;
};

static void put(const struct made *m, int pid, const char *name, const char *text)
{
    char path[64];

    (void)snprintf(path, sizeof(path), "%d/%s", pid, name);
    auto_fd int fd = openat(m->fd, path, O_CREAT | O_WRONLY, 0644);
    assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
}

static void put_process(const struct made *m, int pid, int parent, unsigned mib)
{
    char path[64], text[256];

    (void)snprintf(path, sizeof(path), "%d", pid);
    assert_int_equal(mkdirat(m->fd, path, 0755), 0);
    (void)snprintf(text, sizeof(text),
                   "%d (x) S %d 0 0 0 0 0 0 0 0 0 1 1 0 0 20 0 1 0 5 0 0 0 0 0\n", pid, parent);
    put(m, pid, "stat", text);
    (void)snprintf(text, sizeof(text), "Name:\tx\nRssAnon:\t%u kB\nVmPTE:\t0 kB\n", mib * 1024);
    put(m, pid, "status", text);
    (void)snprintf(path, sizeof(path), "%d/smaps_rollup", pid);
    assert_int_equal(mkfifoat(m->fd, path, 0644), 0);
}

static int make_proc(void **state)
{
    struct made *m = own_calloc(1, sizeof(*m));

    (void)snprintf(m->path, sizeof(m->path), "/tmp/crowd-XXXXXX");
    *state = m;
    m->fd = mkdtemp(m->path) ? open(m->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (m->fd >= 0)
        put_process(m, 1, 0, 0);
    return m->fd < 0;
}

static int remove_proc(void **state)
{
    struct made *m = *state;
    static const char *const names[] = {"stat", "status", "smaps_rollup", "."};
    char path[64];

    for (int pid = 1; pid < 8; pid++)
        for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
            bool dir = strcmp(names[i], ".") == 0;

            (void)snprintf(path, sizeof(path), dir ? "%d" : "%d/%s", pid, names[i]);
            (void)unlinkat(m->fd, path, dir ? AT_REMOVEDIR : 0);
        }
    (void)close(m->fd);
    int r = rmdir(m->path);
    free(m);
    return r;
}

static void one_that_is_alone_is_not_asked_what_it_shares(void **state)
{
    const struct made *m = *state;
    struct crowd c;

    put_process(m, 2, 1, 40);
    assert_true(crowd_measure(m->fd, 1, &limits, &c));
    assert_int_equal(c.memory, 40 * LIMIT_MIB);
    assert_false(c.blind);
    put_process(m, 3, 2, 50);
    assert_true(crowd_measure(m->fd, 1, &limits, &c));
    assert_true(c.memory > limits.memory);
    assert_false(c.blind);
}

static void who_cannot_be_asked_holds_up_nobody(void **state)
{
    const struct made *m = *state;
    struct crowd c;

    put_process(m, 2, 1, 30);
    put_process(m, 3, 1, 30);
    assert_true(crowd_measure(m->fd, 1, &limits, &c));
    assert_true(c.blind);
    assert_int_equal(c.memory, 60 * LIMIT_MIB);
}

static void who_is_unreadable_has_all_for_itself(void **state)
{
    const struct made *m = *state;
    struct crowd c;

    for (int pid = 2; pid < 4; pid++) {
        char path[64];

        put_process(m, pid, 1, 30);
        (void)snprintf(path, sizeof(path), "%d/smaps_rollup", pid);
        assert_int_equal(unlinkat(m->fd, path, 0), 0);
    }
    assert_true(crowd_measure(m->fd, 1, &limits, &c));
    assert_false(c.blind);
    assert_int_equal(c.memory, 60 * LIMIT_MIB);
}

static void a_pidfd_says_whose_it_is(void **state)
{
    auto_fd int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    auto_fd int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    (void)state;
    assert_int_equal(crowd_pid(proc, fd), getpid());
    assert_int_equal(crowd_pid(proc, -1), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tree_is_seen_to_its_leaves),
        cmocka_unit_test(what_is_shared_counts_once),
        cmocka_unit_test_setup_teardown(one_that_is_alone_is_not_asked_what_it_shares, make_proc,
                                        remove_proc),
        cmocka_unit_test_setup_teardown(who_cannot_be_asked_holds_up_nobody, make_proc,
                                        remove_proc),
        cmocka_unit_test_setup_teardown(who_is_unreadable_has_all_for_itself, make_proc,
                                        remove_proc),
        cmocka_unit_test(a_pidfd_says_whose_it_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
