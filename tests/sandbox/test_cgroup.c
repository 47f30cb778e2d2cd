/* SPDX-License-Identifier: MPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sandbox/cgfile.h"
#include "sandbox/cgroup.h"
#include "sandbox/thrash.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/statfs.h>
#include <sys/wait.h>

static int file = -1;

/* Whatever kind this machine has; without any there is only that to be seen. */
static struct cgroup *make(void)
{
    struct err err = {0};
    struct cgroup *c = cgroup_new(geteuid(), &err);

    if (cgroup_kind(c) != CGROUP_NONE)
        return c;
    assert_true(err.text[0] != '\0');
    cgroup_free(c);
    skip();
    return NULL;
}

/* One whose runs are counted by the slot's group, not by one of each init's own. */
static struct cgroup *make_counting(void)
{
    struct cgroup *c = make();

    if (cgroup_kind(c) != CGROUP_V2)
        return c;
    cgroup_free(c);
    skip();
    return NULL;
}

static const struct step_limits limits = {.cpu_ms = 1000,
                                          .wall_ms = 1000,
                                          .memory = 32 * LIMIT_MIB,
                                          .output = 1,
                                          .processes = 8,
                                          .stack = LIMIT_MIB,
                                          .file_size = 1,
                                          .files = 1};

/* A child in the slot's group that waits for a byte, then does `body`. */
static pid_t start(struct cgroup *c, int go[2], int (*body)(void))
{
    char byte;

    assert_int_equal(pipe(go), 0);
    pid_t pid = fork();
    if (pid == 0)
        _exit(read(go[0], &byte, 1) == 1 ? body() : 1);
    assert_true(pid > 0);
    assert_int_equal(cgroup_add(c, pid, NULL), 0);
    return pid;
}

static int end(pid_t pid, const int go[2])
{
    int status;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    (void)close(go[0]);
    (void)close(go[1]);
    return status;
}

static int spin(void)
{
    volatile uint64_t n = 0;

    for (uint64_t i = 0; i < 50000000; i++)
        n += i;
    return 0;
}

static int grow(void)
{
    char *p =
        mmap(NULL, 256 * LIMIT_MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    for (size_t i = 0; p != MAP_FAILED && i < 256 * LIMIT_MIB; i += 4096)
        p[i] = 1;
    return 0;
}

static int many(void)
{
    int refused = 0;

    for (int i = 0; i < 16 && !refused; i++) {
        pid_t pid = fork();

        if (pid == 0)
            _exit(pause());
        refused = pid < 0 && errno == EAGAIN;
    }
    (void)signal(SIGTERM, SIG_IGN);
    (void)kill(0, SIGTERM);
    /* Whom nobody reaps stays in the group. */
    while (wait(NULL) > 0)
        continue;
    return refused ? 0 : 1;
}

enum { HOLD = 28 * LIMIT_MIB, WORK = 16 * LIMIT_MIB };

/* Makes the file, which so is the group's, holds most of its memory, then reads a file over and
 * over that has no room beside it. */
static int reread(void)
{
    char *held = mmap(NULL, HOLD, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char piece[4096] = {0};

    (void)alarm(60);
    for (size_t i = 0; i < WORK; i += sizeof(piece))
        if (write(file, piece, sizeof(piece)) != sizeof(piece))
            return 1;
    /* What is not written back cannot be dropped. */
    if (fsync(file) < 0)
        return 1;
    for (size_t i = 0; held != MAP_FAILED && i < HOLD; i += sizeof(piece))
        held[i] = 1;
    for (;;)
        for (off_t i = 0; i < WORK; i += (off_t)sizeof(piece))
            if (pread(file, piece, sizeof(piece), i) != sizeof(piece))
                return 1;
}

/* A file on a disk, or a skip: what a tmpfs has cannot be dropped. */
static void make_file(void)
{
    struct statfs fs;

    file = open(".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
    if (file >= 0 && fstatfs(file, &fs) == 0 && fs.f_type != TMPFS_MAGIC &&
        fs.f_type != RAMFS_MAGIC)
        return;
    if (file >= 0)
        (void)close(file);
    skip();
}

static void files_without_room_are_seen_to_be_read_again(void **state)
{
    struct cgroup_memory m = {0};
    struct thrash t = {0};
    int go[2], ended = 0;
    uint64_t us;

    (void)state;
    make_file();
    struct cgroup *c = make_counting();
    pid_t pid = start(c, go, reread);
    assert_int_equal(cgroup_begin(c, NULL, &limits, 0, NULL), 0);
    assert_true(cgroup_memory(c, &m));
    assert_false(cgroup_near(&m));
    assert_int_equal(write(go[1], "", 1), 1);
    do {
        (void)sched_yield();
        assert_true(cgroup_memory(c, &m) && cgroup_cpu(c, &us));
        ended = waitpid(pid, NULL, WNOHANG);
    } while (ended == 0 && !thrash_look(&t, &m, us));
    assert_int_equal(ended, 0);
    assert_true(m.held >= HOLD && m.held <= m.most);
    assert_int_equal(kill(pid, SIGKILL), 0);
    (void)end(pid, go);
    (void)close(file);
    cgroup_end(c, false);
    cgroup_free(c);
}

static void cpu_time_of_the_group_is_counted_from_the_start_of_a_run(void **state)
{
    struct cgroup *c = make_counting();
    struct cgroup_use use;
    uint64_t us;
    int go[2];

    (void)state;
    pid_t pid = start(c, go, spin);
    assert_int_equal(cgroup_begin(c, NULL, &limits, 0, NULL), 0);
    assert_true(cgroup_cpu(c, &us));
    assert_int_equal(write(go[1], "", 1), 1);
    assert_int_equal(end(pid, go), 0);
    cgroup_use(c, &use);
    assert_true(use.cpu_us > us);
    assert_int_equal(use.oom_kills, 0);
    cgroup_end(c, false);
    cgroup_free(c);
}

static void the_kernels_kill_for_memory_is_told(void **state)
{
    struct cgroup *c = make_counting();
    int go[2];

    (void)state;
    pid_t pid = start(c, go, grow);
    assert_int_equal(cgroup_begin(c, NULL, &limits, 0, NULL), 0);
    assert_int_equal(write(go[1], "", 1), 1);
    struct pollfd p = {.fd = cgroup_oom_fd(c), .events = POLLIN};
    assert_int_equal(poll(&p, 1, 30000), 1);
    assert_int_equal(WTERMSIG(end(pid, go)), SIGKILL);
    assert_true(cgroup_oom_read(c) > 0);
    cgroup_end(c, false);
    cgroup_free(c);
}

/* A run of which forks are refused, not yet ended. */
static void run_many(struct cgroup *c)
{
    int go[2];
    pid_t pid = start(c, go, many);

    assert_int_equal(setpgid(pid, pid), 0);
    assert_int_equal(cgroup_begin(c, NULL, &limits, 0, NULL), 0);
    assert_int_equal(write(go[1], "", 1), 1);
    assert_int_equal(end(pid, go), 0);
}

static void forks_over_the_limit_are_refused_and_counted(void **state)
{
    struct cgroup *c = make_counting();
    struct cgroup_use use;

    (void)state;
    run_many(c);
    cgroup_use(c, &use);
    assert_true(use.forks_refused > 0);
    cgroup_end(c, false);
    cgroup_free(c);
}

/* How many more processes may there be? 2 = that many at least. */
static int more(void)
{
    pid_t first = fork();

    if (first == 0)
        _exit(pause());
    pid_t second = first < 0 ? -1 : fork();
    if (second == 0)
        _exit(0);
    if (first > 0)
        (void)kill(first, SIGKILL);
    while (wait(NULL) > 0)
        continue;
    return (first > 0) + (second > 0);
}

/* Its init has made nothing ready, or a process waits: one more, but not two. */
static void a_program_of_one_process_can_be_made_or_wait(void **state)
{
    struct step_limits one = limits, two = limits;
    struct cgroup *c = make_counting();
    int go[2];

    (void)state;
    one.processes = 1;
    two.processes = 2;
    for (unsigned waiting = 0; waiting < 2; waiting++) {
        pid_t pid = start(c, go, more);
        assert_int_equal(cgroup_begin(c, NULL, waiting ? &two : &one, waiting, NULL), 0);
        assert_int_equal(write(go[1], "", 1), 1);
        assert_int_equal(WEXITSTATUS(end(pid, go)), 1);
        cgroup_end(c, false);
    }
    cgroup_free(c);
}

static void what_happens_between_two_runs_is_not_the_next_ones(void **state)
{
    struct cgroup *c = make_counting();
    struct cgroup_use use;

    (void)state;
    /* Nobody asks how the first one went. */
    run_many(c);
    cgroup_end(c, false);
    assert_int_equal(cgroup_begin(c, NULL, &limits, 0, NULL), 0);
    cgroup_use(c, &use);
    assert_int_equal(use.forks_refused, 0);
    cgroup_end(c, false);
    cgroup_free(c);
}

/* Its counters were read when the run before had ended. */
static void a_kill_while_a_group_waits_is_not_the_next_runs(void **state)
{
    struct cgroup *c = make_counting();
    struct cgroup_use use;
    int go[2];

    (void)state;
    pid_t pid = start(c, go, grow);
    assert_int_equal(cgroup_begin(c, NULL, &limits, 0, NULL), 0);
    cgroup_end(c, true);
    assert_int_equal(write(go[1], "", 1), 1);
    assert_int_equal(WTERMSIG(end(pid, go)), SIGKILL);
    assert_int_equal(cgroup_begin(c, NULL, &limits, 0, NULL), 0);
    cgroup_use(c, &use);
    assert_int_equal(use.oom_kills, 0);
    cgroup_end(c, false);
    cgroup_free(c);
}

/* The limits of a run whose init waits for the next stay. */
static void whoever_is_admitted_may_fork(void **state)
{
    struct step_limits one = limits;

    (void)state;
    one.processes = 1;
    for (unsigned admitted = 0; admitted < 2; admitted++) {
        struct cgroup *c = make_counting();
        int go[2];
        pid_t pid = start(c, go, more);

        assert_int_equal(cgroup_begin(c, NULL, &one, 0, NULL), 0);
        cgroup_end(c, true);
        if (admitted)
            cgroup_admit(c);
        assert_int_equal(write(go[1], "", 1), 1);
        assert_int_equal(WEXITSTATUS(end(pid, go)), admitted ? 2 : 1);
        cgroup_free(c);
    }
}

static void of_groups_only_those_of_our_dead_are_swept(void **state)
{
    char path[4096], name[64];
    struct cgroup *c = make();
    const char *controller = cgroup_kind(c) == CGROUP_V1 ? "pids" : "";

    (void)state;
    cgfile_name(name, sizeof(name));
    assert_int_equal(cgfile_own(controller, path, sizeof(path)), 0);
    /* A v2 group with controllers holds no process: we were moved to a leaf of it. */
    char *leaf = strstr(path, "/arena-daemon");
    if (leaf)
        *leaf = '\0';
    auto_fd int parent = open(path, O_RDONLY | O_DIRECTORY);
    assert_int_equal(faccessat(parent, name, F_OK, 0), 0);
    cgroup_free(c);
    assert_int_equal(faccessat(parent, name, F_OK, 0), -1);
    (void)snprintf(strrchr(name, '.'), 4, ".1");
    auto_fd int dead = cgfile_make(parent, name);
    auto_fd int foreign = cgfile_make(parent, "arena-keeper.1.1.1");
    assert_true(dead >= 0 && foreign >= 0);
    cgfile_sweep(parent);
    assert_int_equal(faccessat(parent, name, F_OK, 0), -1);
    assert_int_equal(faccessat(parent, "arena-keeper.1.1.1", F_OK, 0), 0);
    assert_int_equal(unlinkat(parent, "arena-keeper.1.1.1", AT_REMOVEDIR), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cpu_time_of_the_group_is_counted_from_the_start_of_a_run),
        cmocka_unit_test(the_kernels_kill_for_memory_is_told),
        cmocka_unit_test(files_without_room_are_seen_to_be_read_again),
        cmocka_unit_test(forks_over_the_limit_are_refused_and_counted),
        cmocka_unit_test(a_program_of_one_process_can_be_made_or_wait),
        cmocka_unit_test(what_happens_between_two_runs_is_not_the_next_ones),
        cmocka_unit_test(a_kill_while_a_group_waits_is_not_the_next_runs),
        cmocka_unit_test(whoever_is_admitted_may_fork),
        cmocka_unit_test(of_groups_only_those_of_our_dead_are_swept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
