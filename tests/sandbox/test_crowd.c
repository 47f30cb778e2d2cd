/* SPDX-License-Identifier: MPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sandbox/crowd.h"

#include "base/own.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <poll.h>
#include <pthread.h>
#include <seccomp.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* Far more looks than one that waits for the program is given. */
enum { TOUCHED = 32 * 1024 * 1024, LOOKS = 200 };

static const struct step_limits limits = {.processes = 100, .memory = 48 * LIMIT_MIB};

static bool look(struct crowd *c, int proc, pid_t init)
{
    const struct crowd_at at = {.proc = proc, .init = init, .ours = proc};

    return crowd_look(c, &at, &limits);
}

/* Until what is shared has been told. */
static void hear(struct crowd *c)
{
    struct pollfd p = {.fd = c->looker.answer, .events = POLLIN};

    assert_true(c->looker.answer >= 0);
    assert_int_equal(poll(&p, 1, -1), 1);
    crowd_hear(c);
    assert_int_equal(c->looker.answer, -1);
}

/* How many hold the memory, and how. */
enum how { ALONE, FORKED, VFORKED, MAPPED, HEADLESS };

/* A child, below which is one that holds memory, or two that share it, until they are let go. They
 * have the name of what is looked for. */
struct holder {
    pid_t pid;
    int said, go;
};

static void hold(int said, int go, enum how how) __attribute__((noreturn));
static void hold(int said, int go, enum how how)
{
    char *p = mmap(NULL, TOUCHED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char byte;

    if (p == MAP_FAILED)
        _exit(1);
    memset(p, 1, TOUCHED);
    (void)prctl(PR_SET_NAME, "VmPTE:99999999");
    if (how == FORKED)
        (void)fork();
    for (size_t i = 0; how == MAPPED && i < TOUCHED; i += 2 * 4096)
        (void)mprotect(p + i, 4096, PROT_READ);
    /* What it does to the stack is done to its parent's, too. */
    if (how == VFORKED && vfork() == 0) {
        (void)!write(said, "\1\1", 2);
        (void)!read(go, &byte, 1);
        _exit(0);
    }
    (void)!write(said, "", 1);
    (void)!read(go, &byte, 1);
    (void)wait(NULL);
    _exit(0);
}

struct ends {
    pthread_t first;
    int said, go;
};

static void *hold_behind(void *arg)
{
    const struct ends *e = arg;

    (void)pthread_join(e->first, NULL);
    hold(e->said, e->go, VFORKED);
}

/* In a second thread, as the only one that is left. */
static void hold_headless(int said, int go) __attribute__((noreturn));
static void hold_headless(int said, int go)
{
    static struct ends e;
    pthread_t t;

    e = (struct ends){pthread_self(), said, go};
    (void)pthread_create(&t, NULL, hold_behind, &e);
    pthread_exit(NULL);
}

static struct holder holder_new(enum how how)
{
    int said[2], go[2];
    char byte;

    assert_int_equal(pipe(said), 0);
    assert_int_equal(pipe(go), 0);
    struct holder h = {.pid = fork(), .said = said[0], .go = go[1]};
    if (h.pid == 0) {
        (void)close(go[1]);
        if (fork() == 0) {
            if (how == HEADLESS)
                hold_headless(said[1], go[0]);
            hold(said[1], go[0], how);
        }
        (void)wait(NULL);
        _exit(0);
    }
    (void)close(said[1]);
    (void)close(go[0]);
    for (int i = 0; i < (how == ALONE || how == MAPPED ? 1 : 2); i++)
        assert_int_equal(read(said[0], &byte, 1), 1);
    return h;
}

static void holder_done(const struct holder *h)
{
    (void)close(h->go);
    (void)close(h->said);
    assert_int_equal(waitpid(h->pid, NULL, 0), h->pid);
}

static void a_tree_is_seen_to_its_leaves(void **state)
{
    const struct holder h = holder_new(ALONE);
    struct crowd c;
    auto_fd int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    (void)state;
    crowd_init(&c);
    assert_true(look(&c, proc, h.pid));
    assert_int_equal(c.threads, 1);
    assert_true(c.memory >= TOUCHED && c.memory < 2 * TOUCHED);
    holder_done(&h);
    assert_true(look(&c, proc, h.pid));
    assert_int_equal(c.threads, 0);
    crowd_done(&c);
}

/* Two processes that are over the limit if nothing is shared: what they have is told later. */
static void see_two(struct crowd *c, int proc, pid_t init, unsigned threads)
{
    crowd_init(c);
    assert_true(look(c, proc, init));
    assert_int_equal(c->threads, threads);
    assert_int_equal(c->memory, 0);
    hear(c);
}

static void what_is_shared_counts_once(void **state)
{
    const struct holder h = holder_new(FORKED);
    struct crowd c;
    auto_fd int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    (void)state;
    see_two(&c, proc, h.pid, 2);
    assert_true(c.memory >= TOUCHED && c.memory < limits.memory);
    holder_done(&h);
    crowd_done(&c);
}

static void records_of_mappings_are_memory(void **state)
{
    const struct holder h = holder_new(MAPPED);
    const struct step_limits tight = {.processes = 100, .memory = TOUCHED + LIMIT_MIB};
    struct crowd c;
    auto_fd int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const struct crowd_at at = {.proc = proc, .init = h.pid, .ours = proc};

    (void)state;
    crowd_init(&c);
    assert_true(crowd_look(&c, &at, &tight));
    assert_true(c.memory >= TOUCHED && c.memory < tight.memory);
    hear(&c);
    assert_true(c.memory > tight.memory);
    holder_done(&h);
    crowd_done(&c);
}

static void count_once(enum how how, unsigned threads)
{
    const struct holder h = holder_new(how);
    struct crowd c;
    auto_fd int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const long asked = syscall(SYS_kcmp, getpid(), h.pid, KCMP_VM, 0, 0);

    see_two(&c, proc, h.pid, threads);
    /* Where the kernel may not be asked nothing is taken for shared. */
    assert_true(c.memory >= (asked < 0 ? 2 : 1) * TOUCHED);
    assert_true(asked < 0 || c.memory < limits.memory);
    holder_done(&h);
    crowd_done(&c);
}

static void one_memory_of_two_counts_once(void **state)
{
    (void)state;
    count_once(VFORKED, 2);
}

static void also_when_a_first_thread_has_ended(void **state)
{
    (void)state;
    count_once(HEADLESS, 3);
}

/* A /proc of our own making, of an init and those below it, where whoever asks how memory is
 * shared waits for ever. */
struct made {
    char path[32];
    int fd;
    struct crowd crowd;
    pid_t looker; /* there is one of its number */
};

static void put(const struct made *m, int pid, const char *name, const char *text)
{
    char path[64];

    (void)snprintf(path, sizeof(path), "%d/%s", pid, name);
    auto_fd int fd = openat(m->fd, path, O_CREAT | O_WRONLY, 0644);
    assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
}

static void put_stat(const struct made *m, int pid, int parent, char how)
{
    char path[64], text[256];

    (void)snprintf(path, sizeof(path), "%d", pid);
    assert_true(mkdirat(m->fd, path, 0755) == 0 || errno == EEXIST);
    (void)snprintf(text, sizeof(text),
                   "%d (x) %c %d 0 0 0 0 0 0 0 0 0 1 1 0 0 20 0 1 0 5 0 0 0 0 0\n", pid, how,
                   parent);
    put(m, pid, "stat", text);
}

static void put_process(const struct made *m, int pid, int parent, unsigned mib)
{
    char path[64], text[256];

    put_stat(m, pid, parent, 'S');
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
    crowd_init(&m->crowd);
    m->fd = mkdtemp(m->path) ? open(m->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (m->fd >= 0)
        put_process(m, 1, 0, 0);
    return m->fd < 0;
}

static void remove_process(const struct made *m, int pid)
{
    static const char *const names[] = {"stat", "status", "smaps_rollup", "schedstat", "."};
    char path[64];

    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        bool dir = strcmp(names[i], ".") == 0;

        (void)snprintf(path, sizeof(path), dir ? "%d" : "%d/%s", pid, names[i]);
        (void)unlinkat(m->fd, path, dir ? AT_REMOVEDIR : 0);
    }
}

static int remove_proc(void **state)
{
    struct made *m = *state;

    crowd_done(&m->crowd);
    for (int pid = 1; pid < 8; pid++)
        remove_process(m, pid);
    remove_process(m, m->looker);
    (void)close(m->fd);
    int r = rmdir(m->path);
    free(m);
    return r;
}

/* The state of who adds up what is shared, as our own /proc tells it. */
static void put_looker(struct made *m, char how)
{
    assert_true(m->crowd.looker.pid > 7);
    m->looker = m->crowd.looker.pid;
    put_stat(m, m->looker, 0, how);
}

/* Waits until it is asked what this process shares. */
static int asked(const struct made *m, int pid)
{
    char path[64];

    (void)snprintf(path, sizeof(path), "%d/smaps_rollup", pid);
    int fd = openat(m->fd, path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static const char share[] = "Pss_Anon:  15360 kB\nPss_Shmem: 0 kB\n";

static void answer(int fd)
{
    assert_int_equal(write(fd, share, strlen(share)), strlen(share));
    (void)close(fd);
}

static void put_cpu(const struct made *m, int pid, int parent, unsigned ticks, unsigned born)
{
    char text[256];

    (void)snprintf(text, sizeof(text),
                   "%d (x) S %d 0 0 0 0 0 0 0 0 0 %u 0 0 0 20 0 1 0 %u 0 0 0 0 0  \n", pid, parent,
                   ticks, born);
    put(m, pid, "stat", text);
}

static void cpu_time_of_the_dead_is_not_forgotten(void **state)
{
    struct made *m = *state;
    struct crowd *c = &m->crowd;
    const uint64_t tick_us = 1000000 / (uint64_t)sysconf(_SC_CLK_TCK);

    for (int pid = 2; pid < 6; pid++)
        put_process(m, pid, 1, 1);
    put_cpu(m, 2, 1, 0, 5);
    put_cpu(m, 3, 2, 30, 6);
    put_cpu(m, 4, 2, 20, 7);
    put_cpu(m, 5, 2, 40, 8);
    assert_true(look(c, m->fd, 1));
    assert_int_equal(c->cpu_us, 90 * tick_us);
    /* One is dead, one is another, one goes on. */
    remove_process(m, 3);
    put_cpu(m, 4, 2, 10, 9);
    put_cpu(m, 5, 2, 45, 8);
    assert_true(look(c, m->fd, 1));
    assert_int_equal(c->cpu_us, 105 * tick_us);
    remove_process(m, 5);
    assert_true(look(c, m->fd, 1));
    assert_int_equal(c->cpu_us, 105 * tick_us);
}

/* What was waited for was seen before: once is enough. */
static void cpu_time_that_was_waited_for_counts_once(void **state)
{
    struct made *m = *state;
    struct crowd *c = &m->crowd;
    const uint64_t tick_us = 1000000 / (uint64_t)sysconf(_SC_CLK_TCK);

    put_process(m, 2, 1, 1);
    put_process(m, 3, 2, 1);
    put_cpu(m, 2, 1, 5, 5);
    put_cpu(m, 3, 2, 30, 6);
    assert_true(look(c, m->fd, 1));
    remove_process(m, 3);
    put(m, 2, "stat", "2 (x) S 1 0 0 0 0 0 0 0 0 0 5 0 32 0 20 0 1 0 5 0 0 0 0 0      \n");
    assert_true(look(c, m->fd, 1));
    assert_int_equal(c->cpu_us, 37 * tick_us);
}

static void less_than_a_tick_counts_too(void **state)
{
    struct made *m = *state;
    struct crowd *c = &m->crowd;

    for (int pid = 2; pid < 6; pid++) {
        put_process(m, pid, 1, 1);
        put_cpu(m, pid, 1, 0, 5);
        put(m, pid, "schedstat", "4000000 1000 7\n");
    }
    assert_true(look(c, m->fd, 1));
    assert_true(look(c, m->fd, 1));
    assert_int_equal(c->cpu_us, 16000);
}

static void one_that_is_alone_is_not_asked_what_it_shares(void **state)
{
    struct made *m = *state;
    struct crowd *c = &m->crowd;

    put_process(m, 2, 1, 40);
    assert_true(look(c, m->fd, 1));
    assert_int_equal(c->memory, 40 * LIMIT_MIB);
    assert_int_equal(c->looker.pid, 0);
    put_process(m, 3, 2, 50);
    assert_true(look(c, m->fd, 1));
    assert_true(c->memory > limits.memory);
    assert_int_equal(c->looker.pid, 0);
}

static void who_cannot_be_asked_hides_nothing_for_long(void **state)
{
    struct made *m = *state;
    struct crowd *c = &m->crowd;

    put_process(m, 2, 1, 30);
    put_process(m, 3, 1, 30);
    assert_true(look(c, m->fd, 1));
    put_looker(m, 'D');
    assert_true(look(c, m->fd, 1));
    assert_int_equal(c->memory, 0);
    for (unsigned i = 0; i < LOOKS; i++)
        assert_true(look(c, m->fd, 1));
    assert_int_equal(c->memory, 60 * LIMIT_MIB);
}

static void who_waits_for_a_cpu_is_waited_for(void **state)
{
    struct made *m = *state;
    struct crowd *c = &m->crowd;

    put_process(m, 2, 1, 30);
    put_process(m, 3, 1, 30);
    assert_true(look(c, m->fd, 1));
    put_looker(m, 'R');
    for (unsigned i = 0; i < LOOKS; i++)
        assert_true(look(c, m->fd, 1));
    assert_int_equal(c->memory, 0);
    assert_int_equal(c->looker.pid, m->looker);
    answer(asked(m, 2));
    answer(asked(m, 3));
    hear(c);
    assert_int_equal(c->memory, 30 * LIMIT_MIB);
}

/* What it shared is the other's alone once it is dead: that would count twice. */
static void who_dies_meanwhile_is_not_counted(void **state)
{
    struct made *m = *state;
    struct crowd *c = &m->crowd;

    put_process(m, 2, 1, 30);
    put_process(m, 3, 1, 30);
    assert_true(look(c, m->fd, 1));
    answer(asked(m, 2));
    int fd = asked(m, 3);
    remove_process(m, 2);
    assert_int_equal(unlinkat(m->fd, "3/smaps_rollup", 0), 0);
    put(m, 3, "smaps_rollup", share);
    answer(fd);
    hear(c);
    assert_int_equal(c->memory, 15 * LIMIT_MIB);
}

static void nobody_is_left_behind(void **state)
{
    struct made *m = *state;
    struct crowd *c = &m->crowd;

    put_process(m, 2, 1, 30);
    put_process(m, 3, 1, 30);
    assert_true(look(c, m->fd, 1));
    pid_t looker = c->looker.pid;
    assert_true(looker > 0);
    crowd_done(c);
    assert_int_equal(c->looker.pid, 0);
    assert_int_equal(c->looker.answer, -1);
    assert_int_equal(waitpid(looker, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

/* In a process that may not have another: how it went is its status. */
static void look_without_a_child(int proc) __attribute__((noreturn));
static void look_without_a_child(int proc)
{
    scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);
    struct crowd c;
    bool well = f && seccomp_rule_add(f, SCMP_ACT_ERRNO(EAGAIN), SCMP_SYS(clone), 0) == 0 &&
                seccomp_rule_add(f, SCMP_ACT_ERRNO(EAGAIN), SCMP_SYS(clone3), 0) == 0 &&
                seccomp_load(f) == 0;

    crowd_init(&c);
    for (unsigned i = 0; i < LOOKS && well; i++)
        well = look(&c, proc, 1) && c.memory == 0 && c.looker.pid == 0 && c.looker.answer < 0;
    _exit(well ? 0 : 1);
}

static void no_room_for_another_process_is_not_the_programs_doing(void **state)
{
    const struct made *m = *state;
    int status;

    put_process(m, 2, 1, 30);
    put_process(m, 3, 1, 30);
    pid_t pid = fork();
    if (pid == 0)
        look_without_a_child(m->fd);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void who_is_unreadable_has_all_for_itself(void **state)
{
    struct made *m = *state;
    struct crowd *c = &m->crowd;

    for (int pid = 2; pid < 4; pid++) {
        char path[64];

        put_process(m, pid, 1, 30);
        (void)snprintf(path, sizeof(path), "%d/smaps_rollup", pid);
        assert_int_equal(unlinkat(m->fd, path, 0), 0);
    }
    assert_true(look(c, m->fd, 1));
    hear(c);
    assert_int_equal(c->memory, 60 * LIMIT_MIB);
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
        cmocka_unit_test(one_memory_of_two_counts_once),
        cmocka_unit_test(also_when_a_first_thread_has_ended),
        cmocka_unit_test(records_of_mappings_are_memory),
        cmocka_unit_test_setup_teardown(cpu_time_of_the_dead_is_not_forgotten, make_proc,
                                        remove_proc),
        cmocka_unit_test_setup_teardown(cpu_time_that_was_waited_for_counts_once, make_proc,
                                        remove_proc),
        cmocka_unit_test_setup_teardown(less_than_a_tick_counts_too, make_proc, remove_proc),
        cmocka_unit_test_setup_teardown(one_that_is_alone_is_not_asked_what_it_shares, make_proc,
                                        remove_proc),
        cmocka_unit_test_setup_teardown(who_cannot_be_asked_hides_nothing_for_long, make_proc,
                                        remove_proc),
        cmocka_unit_test_setup_teardown(who_waits_for_a_cpu_is_waited_for, make_proc, remove_proc),
        cmocka_unit_test_setup_teardown(who_dies_meanwhile_is_not_counted, make_proc, remove_proc),
        cmocka_unit_test_setup_teardown(nobody_is_left_behind, make_proc, remove_proc),
        cmocka_unit_test_setup_teardown(no_room_for_another_process_is_not_the_programs_doing,
                                        make_proc, remove_proc),
        cmocka_unit_test_setup_teardown(who_is_unreadable_has_all_for_itself, make_proc,
                                        remove_proc),
        cmocka_unit_test(a_pidfd_says_whose_it_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
