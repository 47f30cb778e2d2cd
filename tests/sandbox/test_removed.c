/* SPDX-License-Identifier: MPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sandbox/removed.h"
#include "sandbox/scratch.h"

#include "base/clock.h"
#include "base/own.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum {
    SAID = 3,
    PIECE = 1 << 20,
    LARGE = 64 * PIECE,
    ORDINARY = 65534,
    LOOKS = 60,
    PATIENCE_MS = 30000
};

#define GO_ON "go-on"

static const struct ids ids; /* one user: nothing is given away */
static char top[64];
static struct scratch scratch;
static int folder; /* of the run */

static int setup(void **state)
{
    (void)state;
    (void)snprintf(top, sizeof(top), "/tmp/test_removed.XXXXXX");
    if (!mkdtemp(top) || setenv("TMPDIR", top, 1) < 0 || scratch_init(&scratch, NULL) < 0)
        return -1;
    folder = scratch_make(scratch.run, &ids, NULL);
    return folder < 0;
}

static int teardown(void **state)
{
    (void)state;
    (void)close(folder);
    scratch_done(&scratch);
    return rmdir(top);
}

/* A file of one piece that has no name. */
static int nameless(void)
{
    static const char zeros[PIECE];
    int fd = openat(folder, "removed", O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);

    if (fd < 0 || write(fd, zeros, PIECE) != PIECE || unlinkat(folder, "removed", 0) < 0)
        _exit(1);
    return fd;
}

static int said; /* where a program tells that it holds what it is to hold */

static void stay(void) __attribute__((noreturn));
static void stay(void)
{
    for (;;)
        (void)pause();
}

static void hold_for_good(void) __attribute__((noreturn));
static void hold_for_good(void)
{
    (void)!write(said, "", 1);
    stay();
}

/* As a stage and an init do. */
static void reap_for_good(void) __attribute__((noreturn));
static void reap_for_good(void)
{
    (void)!write(said, "", 1);
    for (;;)
        if (wait(NULL) < 0)
            stay();
}

static void one_that_is_linked(void)
{
    (void)openat(folder, "linked", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
}

/* Two files, one of them three times. */
static void open_ones(void)
{
    const int fd = nameless();

    (void)nameless();
    (void)!dup(fd);
    (void)mmap(NULL, PIECE, PROT_READ, MAP_SHARED, fd, 0);
    (void)!fallocate(memfd_create("memory", 0), 0, 0, 8 * PIECE);
    if (fork() == 0)
        stay();
}

static void *alone(void *arg)
{
    (void)arg;
    if (unshare(CLONE_FILES) < 0)
        _exit(1);
    (void)nameless();
    hold_for_good();
}

static void one_of_a_threads_own(void)
{
    pthread_t t;

    (void)pthread_create(&t, NULL, alone, NULL);
    stay();
}

static void mapped_ones(void)
{
    for (int i = 0; i < 10; i++) {
        const int fd = nameless();

        (void)mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
        (void)close(fd);
    }
}

static void *map_behind(void *arg)
{
    (void)pthread_join(*(const pthread_t *)arg, NULL);
    mapped_ones();
    hold_for_good();
}

/* Only the second thread is left. */
static void mapped_ones_of_the_headless(void)
{
    static pthread_t first;
    pthread_t t;

    first = pthread_self();
    (void)pthread_create(&t, NULL, map_behind, &first);
    pthread_exit(NULL);
}

static void one_under_way(void)
{
    union {
        char room[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {.room = {0}};
    struct iovec iov = {.iov_base = control.room, .iov_len = 1};
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = control.room,
                       .msg_controllen = sizeof(control.room)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    int pair[2], fd = nameless();

    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &fd, sizeof(fd));
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 || sendmsg(pair[0], &m, 0) != 1)
        _exit(1);
    (void)close(fd);
}

static void out_of_sight(void)
{
    (void)nameless();
    if ((geteuid() == 0 && setresuid(ORDINARY, ORDINARY, ORDINARY) < 0) ||
        prctl(PR_SET_DUMPABLE, 0) < 0)
        _exit(1);
}

/* More than others who use the disk are likely to give back meanwhile. */
static void a_large_one(void)
{
    if (fallocate(nameless(), 0, 0, LARGE) < 0)
        _exit(1);
}

/* Executes a copy of ours, which then removes itself. */
static void a_program_that_goes_on(void)
{
    char path[600];
    const int in = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    const int fd = openat(folder, "program", O_CREAT | O_WRONLY | O_CLOEXEC, 0700);
    struct stat st;

    (void)snprintf(path, sizeof(path), "%s/program", scratch.run);
    if (fstat(in, &st) < 0 || sendfile(fd, in, NULL, (size_t)st.st_size) != st.st_size ||
        fallocate(fd, 0, 0, 2 * PIECE) < 0)
        _exit(1);
    (void)close(fd);
    (void)dup2(said, SAID);
    (void)execl(path, path, GO_ON, NULL);
    _exit(1);
}

static void go_on(const char *path) __attribute__((noreturn));
static void go_on(const char *path)
{
    (void)unlink(path);
    said = SAID;
    hold_for_good();
}

/* Whoever is looked at has just passed it on. */
static void a_passed_one(void)
{
    (void)nameless();
    (void)!write(said, "", 1);
    for (;;)
        if (fork() > 0)
            _exit(0);
}

/* A stage, its init and a program below us, as below a keeper. Returns the stage when the program
 * holds what it holds. */
static pid_t below_us(void (*hold)(void))
{
    int ends[2];
    char byte;

    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        (void)setpgid(0, 0);
        (void)close(ends[0]);
        said = ends[1];
        for (int i = 0; i < 2; i++) {
            (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
            if (fork() > 0)
                reap_for_good();
        }
        hold();
        hold_for_good();
    }
    (void)close(ends[1]);
    for (int i = 0; i < 3; i++)
        assert_int_equal(read(ends[0], &byte, 1), 1);
    (void)close(ends[0]);
    return pid;
}

static void end(pid_t stage)
{
    assert_int_equal(kill(-stage, SIGKILL), 0);
    assert_int_equal(waitpid(stage, NULL, 0), stage);
}

static struct removed measured(void (*hold)(void))
{
    auto_fd int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const pid_t stage = below_us(hold);
    struct removed found;

    removed_measure(proc, getpid(), scratch.run, &found);
    end(stage);
    return found;
}

static void what_is_open_counts_once(void **state)
{
    (void)state;
    struct removed r = measured(open_ones);
    assert_true(r.bytes >= 2 * PIECE && r.bytes < 3 * PIECE);
    assert_true(r.mapped == 0 && !r.hidden);
    r = measured(one_that_is_linked);
    assert_true(r.bytes == 0 && r.mapped == 0 && !r.hidden);
}

static void what_only_a_thread_has_open_counts_too(void **state)
{
    const struct removed r = measured(one_of_a_threads_own);

    (void)state;
    assert_true(r.bytes >= PIECE && r.bytes < 2 * PIECE && !r.hidden);
}

static void what_is_only_mapped_is_seen(void **state)
{
    (void)state;
    struct removed r = measured(mapped_ones);
    assert_true(r.bytes == 0 && r.mapped == 10 && !r.hidden);
    r = measured(mapped_ones_of_the_headless);
    assert_true(r.bytes == 0 && r.mapped == 10 && !r.hidden);
}

static void a_program_that_removed_itself_counts(void **state)
{
    const struct removed r = measured(a_program_that_goes_on);

    (void)state;
    assert_true(r.bytes >= 2 * PIECE && r.mapped == 0 && !r.hidden);
}

static void what_is_under_way_is_known_to_be_hidden(void **state)
{
    const struct removed r = measured(one_under_way);

    (void)state;
    assert_true(r.hidden);
}

static void who_shuts_us_out_hides_something(void **state)
{
    const struct removed r = measured(out_of_sight);

    (void)state;
    assert_true(r.hidden);
}

enum finding { FULL, CLEAR, UNKNOWN };

/* Looks until there is no more to be told, or the run is over. */
static enum finding look(uint64_t allowed, int looks)
{
    const struct step step = {.limits = {.file_size = allowed, .files = 100}};
    const uint64_t before = scratch.free;

    const uint64_t end = clock_mono_ns() + PATIENCE_MS * 1000000ULL;
    for (int i = 0; i < looks && clock_mono_ns() < end;) {
        struct pollfd p = {.fd = scratch.looker.answer, .events = POLLIN};

        i += poll(&p, p.fd >= 0 ? 1 : 0, p.fd >= 0 ? 1000 : 1);
        if (scratch_is_full(&scratch, &step))
            return FULL;
        if (scratch.free < before)
            return CLEAR;
    }
    return UNKNOWN;
}

/* With a disk that has lost all it had. */
static enum finding found(uint64_t allowed, void (*hold)(void), int looks)
{
    const pid_t stage = below_us(hold);

    scratch.free = UINT64_MAX / 2;
    const enum finding f = look(allowed, looks);
    end(stage);
    scratch_forget(&scratch);
    return f;
}

static void a_run_is_over_for_what_it_has_removed(void **state)
{
    (void)state;
    assert_int_equal(found(3 * PIECE / 2, open_ones, INT_MAX), FULL);
    assert_int_equal(found(4 * PIECE, open_ones, INT_MAX), CLEAR);
    assert_int_equal(scratch.looker.pid, 0);
}

static void a_run_is_over_for_what_it_hides(void **state)
{
    (void)state;
    assert_int_equal(found(4 * PIECE, mapped_ones, INT_MAX), FULL);
    assert_int_equal(found(4 * PIECE, one_that_is_linked, INT_MAX), CLEAR);
}

static void what_is_taken_before_the_first_look_is_missed(void **state)
{
    (void)state;
    scratch_begin(&scratch);
    const pid_t stage = below_us(a_large_one);
    const enum finding f = look(4 * PIECE, INT_MAX);
    end(stage);
    scratch_forget(&scratch);
    assert_int_equal(f, FULL);
}

static void what_others_give_back_does_not_hide_what_is_held(void **state)
{
    const struct step step = {.limits = {.file_size = 4 * PIECE, .files = 100}};
    const pid_t stage = below_us(mapped_ones);

    (void)state;
    scratch.free = UINT64_MAX / 2;
    assert_false(scratch_is_full(&scratch, &step));
    scratch_begin(&scratch);
    const enum finding f = look(4 * PIECE, INT_MAX);
    end(stage);
    scratch_forget(&scratch);
    assert_int_equal(f, FULL);
}

static void an_ordinary_disk_is_no_alarm(void **state)
{
    const struct step step = {.limits = {.file_size = LARGE, .files = 100}};

    (void)state;
    scratch_begin(&scratch);
    assert_false(scratch_is_full(&scratch, &step));
    assert_false(scratch.alarm);
    assert_int_equal(scratch.looker.pid, 0);
    scratch_forget(&scratch);
}

static void who_passes_it_on_is_seen_or_known_to_move(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++) {
        const struct removed r = measured(a_passed_one);

        assert_true(r.moved || r.bytes >= PIECE);
    }
}

static void who_passes_it_on_is_not_believed(void **state)
{
    (void)state;
    assert_int_not_equal(found(PIECE / 2, a_passed_one, LOOKS), CLEAR);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], GO_ON) == 0)
        go_on(argv[0]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_open_counts_once, setup, teardown),
        cmocka_unit_test_setup_teardown(what_only_a_thread_has_open_counts_too, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_only_mapped_is_seen, setup, teardown),
        cmocka_unit_test_setup_teardown(a_program_that_removed_itself_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_under_way_is_known_to_be_hidden, setup, teardown),
        cmocka_unit_test_setup_teardown(who_shuts_us_out_hides_something, setup, teardown),
        cmocka_unit_test_setup_teardown(a_run_is_over_for_what_it_has_removed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_run_is_over_for_what_it_hides, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_taken_before_the_first_look_is_missed, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_others_give_back_does_not_hide_what_is_held, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_ordinary_disk_is_no_alarm, setup, teardown),
        cmocka_unit_test_setup_teardown(who_passes_it_on_is_seen_or_known_to_move, setup, teardown),
        cmocka_unit_test_setup_teardown(who_passes_it_on_is_not_believed, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
