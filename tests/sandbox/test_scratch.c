/* SPDX-License-Identifier: MPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sandbox/scratch.h"

#include "base/own.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

static const struct ids ids; /* one user: nothing is given away */
static char top[64];

static int setup(void **state)
{
    (void)state;
    (void)snprintf(top, sizeof(top), "/tmp/test_scratch.XXXXXX");
    return mkdtemp(top) && setenv("TMPDIR", top, 1) == 0 ? 0 : -1;
}

/* Also says whether anything was left. */
static int teardown(void **state)
{
    (void)state;
    return rmdir(top);
}

static void touch(int dir, const char *name, size_t size)
{
    static const char zeros[4096];
    auto_fd int fd = openat(dir, name, O_CREAT | O_WRONLY | O_TRUNC, 0600);

    assert_true(fd >= 0);
    for (size_t n = 0; n < size; n += sizeof(zeros))
        assert_int_equal(write(fd, zeros, sizeof(zeros)), sizeof(zeros));
}

/* 300 folders in each other, deeper than any path may be long, with a locked one at the bottom. */
static void dig(int dir)
{
    int at = dup(dir);

    for (int i = 0; i < 300; i++) {
        assert_int_equal(mkdirat(at, "a-folder-with-quite-a-long-name", 0700), 0);
        int next = openat(at, "a-folder-with-quite-a-long-name", O_RDONLY | O_DIRECTORY);
        assert_true(next >= 0);
        touch(next, "file", 0);
        (void)close(at);
        at = next;
    }
    assert_int_equal(mkdirat(at, "locked", 0), 0);
    assert_int_equal(symlinkat(top, at, "link"), 0);
    (void)close(at);
}

static void whatever_a_program_leaves_is_taken_away(void **state)
{
    struct scratch s;
    struct stat st;

    (void)state;
    assert_int_equal(scratch_init(&s, NULL), 0);
    auto_fd int dir = scratch_make(s.run, &ids, NULL);
    assert_true(dir >= 0);
    touch(dir, "file", 4096);
    assert_int_equal(symlinkat("/etc", dir, "link"), 0);
    assert_int_equal(mkfifoat(dir, "fifo", 0600), 0);
    dig(dir);
    scratch_clear(s.run);
    assert_int_equal(stat(s.run, &st), -1);
    assert_int_equal(errno, ENOENT);
    scratch_done(&s);
}

static void size_and_number_of_files_are_seen(void **state)
{
    const struct scratch_use max = {1 << 20, 100};
    struct scratch_use use;
    struct scratch s;

    (void)state;
    assert_int_equal(scratch_init(&s, NULL), 0);
    scratch_measure(&s, &max, &use);
    assert_int_equal(use.files, 0);
    auto_fd int dir = scratch_make(s.run, &ids, NULL);
    touch(dir, "a", 64 * 1024);
    assert_int_equal(mkdirat(dir, "d", 0700), 0);
    auto_fd int d = openat(dir, "d", O_RDONLY | O_DIRECTORY);
    touch(d, "b", 64 * 1024);
    scratch_measure(&s, &max, &use);
    assert_int_equal(use.files, 3);
    assert_true(use.bytes >= 128 * 1024 && use.bytes < 256 * 1024);
    dig(dir);
    scratch_measure(&s, &max, &use);
    assert_true(use.files > max.files);
    scratch_done(&s);
}

static void a_folder_that_shuts_us_out_is_over(void **state)
{
    enum { ORDINARY = 65534 };
    const struct scratch_use max = {1 << 20, 100};
    const bool root = geteuid() == 0;
    struct scratch_use use;
    struct scratch s;

    (void)state;
    if (root && (chown(top, ORDINARY, (gid_t)-1) < 0 || seteuid(ORDINARY) < 0))
        skip();
    assert_int_equal(scratch_init(&s, NULL), 0);
    auto_fd int dir = scratch_make(s.run, &ids, NULL);
    assert_int_equal(mkdirat(dir, "d", 0300), 0);
    scratch_measure(&s, &max, &use);
    scratch_done(&s);
    if (root)
        assert_int_equal(seteuid(0), 0);
    assert_true(use.files > max.files);
}

static void a_dead_keepers_directory_goes_and_a_live_ones_stays(void **state)
{
    struct scratch mine, next;
    struct stat st;
    char dead[SCRATCH_PATH] = "";
    int said[2];

    (void)state;
    assert_int_equal(pipe(said), 0);
    assert_int_equal(scratch_init(&mine, NULL), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct scratch s;

        (void)close(mine.dir);
        if (scratch_init(&s, NULL) == 0 && scratch_make(s.run, &ids, NULL) >= 0)
            (void)!write(said[1], s.run, strlen(s.run));
        _exit(0);
    }
    assert_true(read(said[0], dead, sizeof(dead) - 1) > 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(stat(dead, &st), 0);
    assert_int_equal(scratch_init(&next, NULL), 0);
    assert_int_equal(stat(dead, &st), -1);
    auto_fd int dir = scratch_make(mine.run, &ids, NULL);
    assert_true(dir >= 0);
    scratch_done(&next);
    scratch_done(&mine);
    (void)close(said[0]);
    (void)close(said[1]);
}

static void keepers_that_start_at_once_all_get_one(void **state)
{
    enum { KEEPERS = 8 };
    int go[2], status;

    (void)state;
    assert_int_equal(pipe(go), 0);
    for (int i = 0; i < KEEPERS; i++)
        if (fork() == 0) {
            struct scratch s;
            char byte;

            (void)close(go[1]);
            (void)!read(go[0], &byte, 1);
            if (scratch_init(&s, NULL) < 0)
                _exit(1);
            auto_fd int dir = scratch_make(s.run, &ids, NULL);
            scratch_done(&s);
            _exit(dir < 0);
        }
    (void)close(go[1]);
    for (int i = 0; i < KEEPERS; i++) {
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    (void)close(go[0]);
}

static void a_steps_words_name_the_true_directory(void **state)
{
    char *argv[] = {own_strdup(STEP_WORK_DIR "/prog"), own_strdup(STEP_WORK_DIR "shop"),
                    own_strdup("x" STEP_WORK_DIR), own_strdup(STEP_WORK_DIR)};
    char *env[] = {own_strdup("HOME=" STEP_WORK_DIR), own_strdup("PATH=/usr/bin:/bin"),
                   own_strdup(STEP_WORK_DIR)};
    struct step s = {.n_argv = 4, .argv = argv, .n_env = 3, .env = env};

    (void)state;
    scratch_rename(&s, "/tmp/x/run");
    assert_string_equal(argv[0], "/tmp/x/run/prog");
    assert_string_equal(argv[1], STEP_WORK_DIR "shop");
    assert_string_equal(argv[2], "x" STEP_WORK_DIR);
    assert_string_equal(argv[3], "/tmp/x/run");
    assert_string_equal(env[0], "HOME=/tmp/x/run");
    assert_string_equal(env[1], "PATH=/usr/bin:/bin");
    for (size_t i = 0; i < ARRAY_LEN(argv); i++)
        free(argv[i]);
    for (size_t i = 0; i < ARRAY_LEN(env); i++)
        free(env[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(whatever_a_program_leaves_is_taken_away, setup, teardown),
        cmocka_unit_test_setup_teardown(size_and_number_of_files_are_seen, setup, teardown),
        cmocka_unit_test_setup_teardown(a_folder_that_shuts_us_out_is_over, setup, teardown),
        cmocka_unit_test_setup_teardown(a_dead_keepers_directory_goes_and_a_live_ones_stays, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(keepers_that_start_at_once_all_get_one, setup, teardown),
        cmocka_unit_test(a_steps_words_name_the_true_directory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
