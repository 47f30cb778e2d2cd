/* SPDX-License-Identifier: MPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sandbox/crowd.h"

#include "base/own.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { TOUCHED = 32 * 1024 * 1024 };

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
    assert_true(crowd_measure(proc, pid, 100, &c));
    assert_int_equal(c.threads, 1);
    assert_true(c.memory >= TOUCHED && c.memory < 2 * TOUCHED);
    (void)close(go[1]);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_true(crowd_measure(proc, pid, 100, &c));
    assert_int_equal(c.threads, 0);
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
        cmocka_unit_test(a_pidfd_says_whose_it_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
