/* SPDX-License-Identifier: MPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sandbox/box.h"
#include "sandbox/copyout.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>

static char top[64];
static const struct ids ids; /* one user: nothing is given away */
static const struct box_how how = {&ids, NULL};
static char *argv[] = {(char *)(uintptr_t) "/usr/bin/x", NULL};

static int forget(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static int setup(void **state)
{
    (void)state;
    (void)snprintf(top, sizeof(top), "/tmp/test_box.XXXXXX");
    return mkdtemp(top) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    return nftw(top, forget, 8, FTW_DEPTH | FTW_PHYS);
}

static int open_top(void)
{
    int fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    assert_true(fd >= 0);
    return fd;
}

static int memfd(const char *text)
{
    int fd = memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    return fd;
}

static void names_that_leave_the_directory_are_refused(void **state)
{
    static const char *const bad[] = {"", "/x", "../x", "a/../b", ".", "a//b", "a/", "./a", "a/.."};
    static const char *const good[] = {"a", "a/b/c", "...", "..a", ".hidden"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(box_name_ok(bad[i]));
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_true(box_name_ok(good[i]));
}

static void files_are_written_whole_whatever_their_offset(void **state)
{
    struct step_file files[] = {{"a/b.txt", -1, false}, {"run", -1, true}};
    struct step s = {.n_files = 2, .files = files, .argv = argv, .n_argv = 1};
    auto_fd int dir = open_top();
    struct stat st;
    char got[16] = "";

    (void)state;
    files[0].fd = memfd("hello");
    files[1].fd = memfd("#!");
    assert_int_equal(box_size(&s, NULL), 7);
    assert_int_equal(box_fill(dir, &s, &how, NULL), 0);
    auto_fd int fd = openat(dir, "a/b.txt", O_RDONLY);
    assert_int_equal(read(fd, got, sizeof(got)), 5);
    assert_string_equal(got, "hello");
    assert_int_equal(fstatat(dir, "run", &st, 0), 0);
    assert_int_equal(st.st_mode & 0777, 0755);
    assert_int_equal(box_fill(dir, &s, &how, NULL), -EEXIST);
    (void)close(files[0].fd);
    (void)close(files[1].fd);
}

static void a_planted_link_is_not_written_through(void **state)
{
    struct step_file files[] = {{"out/x", -1, false}};
    struct step s = {.n_files = 1, .files = files, .argv = argv, .n_argv = 1};
    auto_fd int dir = open_top();

    (void)state;
    files[0].fd = memfd("secret");
    assert_int_equal(symlinkat("/tmp", dir, "out"), 0);
    assert_true(box_fill(dir, &s, &how, NULL) < 0);
    (void)close(files[0].fd);
}

static void only_a_sealed_program_is_executed_without_a_copy(void **state)
{
    static char *main_argv[] = {(char *)(uintptr_t)(STEP_WORK_DIR "/prog"), NULL};
    struct step_file files[] = {{"prog", -1, true}};
    struct step s = {.n_files = 1, .files = files, .argv = main_argv, .n_argv = 1};

    (void)state;
    files[0].fd = memfd("x");
    assert_null(box_program(&s));
    assert_int_equal(fcntl(files[0].fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK),
                     0);
    assert_ptr_equal(box_program(&s), &files[0]);
    assert_int_equal(box_size(&s, &files[0]), 0);
    files[0].executable = false;
    assert_null(box_program(&s));
    (void)close(files[0].fd);
}

struct found {
    unsigned n;
    char last[LIMIT_FILE_NAME + 1];
};

static int remember(void *arg, const char *name, bool executable, int fd)
{
    struct found *f = arg;

    (void)executable;
    f->n++;
    (void)snprintf(f->last, sizeof(f->last), "%s", name);
    (void)close(fd);
    return 0;
}

static unsigned collect(int dir, const char *pattern, struct found *f)
{
    char out[1][LIMIT_FILE_NAME + 1];
    struct step s = {.n_out = 1, .out = out, .argv = argv, .n_argv = 1};

    *f = (struct found){0};
    (void)snprintf(out[0], sizeof(out[0]), "%s", pattern);
    assert_int_equal(box_collect(dir, &s, remember, f), 0);
    return f->n;
}

static void touch(int dir, const char *name)
{
    auto_fd int fd = openat(dir, name, O_CREAT | O_WRONLY, 0644);

    assert_true(fd >= 0);
}

static void only_plain_files_with_one_name_come_out(void **state)
{
    auto_fd int dir = open_top();
    struct found f;

    (void)state;
    touch(dir, "plain");
    touch(dir, "twice");
    assert_int_equal(linkat(dir, "twice", dir, "again", 0), 0);
    assert_int_equal(symlinkat("/etc/passwd", dir, "link"), 0);
    assert_int_equal(symlinkat("/etc", dir, "etc"), 0);
    assert_int_equal(symlinkat("/proc/self/exe", dir, "magic"), 0);
    assert_int_equal(mkfifoat(dir, "fifo", 0644), 0);
    assert_int_equal(mkdirat(dir, "folder", 0755), 0);
    assert_int_equal(collect(dir, "plain", &f), 1);
    assert_int_equal(collect(dir, "twice", &f), 0);
    assert_int_equal(collect(dir, "link", &f), 0);
    assert_int_equal(collect(dir, "magic", &f), 0);
    assert_int_equal(collect(dir, "etc/passwd", &f), 0);
    assert_int_equal(collect(dir, "fifo", &f), 0);
    assert_int_equal(collect(dir, "folder", &f), 0);
    assert_int_equal(collect(dir, "missing", &f), 0);
    assert_int_equal(collect(dir, "../plain", &f), 0);
}

static void a_star_finds_files_in_folders_too(void **state)
{
    auto_fd int dir = open_top();
    struct found f;

    (void)state;
    assert_int_equal(mkdirat(dir, "p", 0755), 0);
    touch(dir, "A.class");
    touch(dir, "p/B.class");
    touch(dir, "p/B.java");
    assert_int_equal(symlinkat("A.class", dir, "C.class"), 0);
    assert_int_equal(symlinkat(".", dir, "loop"), 0);
    assert_int_equal(collect(dir, "*.class", &f), 2);
}

static void more_files_than_are_taken_is_said(void **state)
{
    char out[1][LIMIT_FILE_NAME + 1] = {"*.class"};
    struct step s = {.n_out = 1, .out = out, .argv = argv, .n_argv = 1};
    auto_fd int dir = open_top();
    struct found f = {0};
    char name[32];

    (void)state;
    for (unsigned i = 0; i < STEP_FILES_OUT; i++) {
        (void)snprintf(name, sizeof(name), "C%u.class", i);
        touch(dir, name);
    }
    assert_int_equal(collect(dir, "*.class", &f), STEP_FILES_OUT);
    assert_int_equal(symlinkat("C0.class", dir, "link.class"), 0);
    assert_int_equal(collect(dir, "*.class", &f), STEP_FILES_OUT);
    touch(dir, "more.class");
    assert_int_equal(box_collect(dir, &s, remember, &f), -E2BIG);
}

static void a_copy_is_sealed_and_has_a_limit(void **state)
{
    auto_fd int fd = memfd("twelve bytes");
    int pipes[2];
    char got[16] = "";

    (void)state;
    assert_int_equal(copyout(fd, 11), -EFBIG);
    auto_fd int copy = copyout(fd, 12);
    assert_int_equal(pread(copy, got, sizeof(got), 0), 12);
    assert_string_equal(got, "twelve bytes");
    assert_int_equal(write(copy, "x", 1), -1);
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(copyout(pipes[0], 12), -EINVAL);
    (void)close(pipes[0]);
    (void)close(pipes[1]);
}

struct modes {
    bool program, text;
};

static int remember_mode(void *arg, const char *name, bool executable, int fd)
{
    struct modes *m = arg;

    if (strcmp(name, "a.bin") == 0)
        m->program = executable;
    else
        m->text = executable;
    (void)close(fd);
    return 0;
}

static void a_program_is_known_by_its_first_bytes_where_modes_cannot_be_set(void **state)
{
    char out[1][LIMIT_FILE_NAME + 1] = {"*.bin"};
    struct step s = {.n_out = 1, .out = out, .argv = argv, .n_argv = 1};
    struct modes m = {false, true};
    auto_fd int dir = open_top();
    auto_fd int elf = openat(dir, "a.bin", O_CREAT | O_WRONLY, 0644);
    auto_fd int text = openat(dir, "b.bin", O_CREAT | O_WRONLY, 0644);

    (void)state;
    assert_int_equal(write(elf, "\177ELF....", 8), 8);
    assert_int_equal(write(text, "EL", 2), 2);
    assert_int_equal(box_collect(dir, &s, remember_mode, &m), 0);
    assert_true(m.program);
    assert_false(m.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_that_leave_the_directory_are_refused),
        cmocka_unit_test_setup_teardown(files_are_written_whole_whatever_their_offset, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_planted_link_is_not_written_through, setup, teardown),
        cmocka_unit_test(only_a_sealed_program_is_executed_without_a_copy),
        cmocka_unit_test_setup_teardown(only_plain_files_with_one_name_come_out, setup, teardown),
        cmocka_unit_test_setup_teardown(a_star_finds_files_in_folders_too, setup, teardown),
        cmocka_unit_test_setup_teardown(more_files_than_are_taken_is_said, setup, teardown),
        cmocka_unit_test_setup_teardown(
            a_program_is_known_by_its_first_bytes_where_modes_cannot_be_set, setup, teardown),
        cmocka_unit_test(a_copy_is_sealed_and_has_a_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
