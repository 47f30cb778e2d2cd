/* SPDX-License-Identifier: MPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sandbox/landlock.h"

#include "base/own.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char work[64], other[64];

static int setup(void **state)
{
    (void)state;
    (void)snprintf(work, sizeof(work), "/tmp/test_landlock.XXXXXX");
    (void)snprintf(other, sizeof(other), "/tmp/test_landlock.XXXXXX");
    return mkdtemp(work) && mkdtemp(other) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    return rmdir(work) + rmdir(other);
}

/* Runs `act` in a child behind the fence; its status, 77 when there is none to be had. */
static int fenced(int (*act)(void))
{
    const char *const binds[] = {"/usr/include", "/etc/passwd"};
    auto_fd int dir = open(work, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int status;

    assert_true(dir >= 0);
    pid_t pid = fork();
    if (pid == 0) {
        int rules = landlock_ruleset((struct profile_list){binds, ARRAY_LEN(binds)}, dir, NULL);

        if (rules < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || landlock_restrict(rules) < 0)
            _exit(77);
        _exit(act());
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static bool refused(int r)
{
    return r < 0 && (errno == EACCES || errno == EXDEV || errno == EPERM);
}

static int look_around(void)
{
    char path[128];

    if (open("/usr/include/stdio.h", O_RDONLY) < 0 || open("/etc/passwd", O_RDONLY) < 0)
        return 1;
    if (open("/dev/null", O_RDWR) < 0 || open("/dev/urandom", O_RDONLY) < 0)
        return 2;
    if (!refused(open("/etc/group", O_RDONLY)) || !refused(open("/", O_RDONLY | O_DIRECTORY)) ||
        !refused(open("/proc/self/maps", O_RDONLY)))
        return 3;
    (void)snprintf(path, sizeof(path), "%s/x", other);
    if (!refused(open(path, O_CREAT | O_WRONLY, 0600)) || !refused(mkdir(path, 0700)) ||
        !refused(symlink("x", path)) || !refused(rmdir(other)))
        return 4;
    /* Root could write it, were it not for the fence. */
    return refused(open("/etc/passwd", O_WRONLY)) ? 0 : 5;
}

static int use_work(void)
{
    char path[128], moved[128];

    (void)snprintf(path, sizeof(path), "%s/d", work);
    (void)snprintf(moved, sizeof(moved), "%s/x", other);
    if (mkdir(path, 0700) < 0 || rmdir(path) < 0)
        return 1;
    int fd = open(path, O_CREAT | O_RDWR, 0600);
    if (fd < 0 || write(fd, "x", 1) != 1 || ftruncate(fd, 0) < 0)
        return 2;
    if (!refused(rename(path, moved)) || !refused(link(path, moved)))
        return 3;
    return unlink(path) < 0 ? 4 : 0;
}

static int signal_parent(void)
{
    if (raise(0) != 0)
        return 1;
    return refused(kill(getppid(), 0)) ? 0 : 2;
}

static void only_what_was_named_can_be_read_and_nothing_changed(void **state)
{
    (void)state;
    if (landlock_abi() == 0)
        skip();
    assert_int_equal(fenced(look_around), 0);
}

static void the_work_directory_is_the_programs_own(void **state)
{
    (void)state;
    if (landlock_abi() == 0)
        skip();
    assert_int_equal(fenced(use_work), 0);
}

static void nobody_outside_is_signalled(void **state)
{
    (void)state;
    if (landlock_abi() < LANDLOCK_ABI_SCOPES)
        skip();
    assert_int_equal(fenced(signal_parent), 0);
}

static void a_name_that_is_not_there_is_an_error(void **state)
{
    const char *const binds[] = {"/nowhere"};
    auto_fd int dir = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct err err;

    (void)state;
    if (landlock_abi() == 0)
        skip();
    assert_int_equal(landlock_ruleset((struct profile_list){binds, 1}, dir, &err), -ENOENT);
    assert_non_null(strstr(err.text, "/nowhere"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(only_what_was_named_can_be_read_and_nothing_changed, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_work_directory_is_the_programs_own, setup, teardown),
        cmocka_unit_test_setup_teardown(nobody_outside_is_signalled, setup, teardown),
        cmocka_unit_test(a_name_that_is_not_there_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
