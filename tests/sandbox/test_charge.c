/* SPDX-License-Identifier: MPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/own.h"
#include "sandbox/charge.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

enum { ROUNDS = 50, SPINS = 20000 };

struct busy {
    _Atomic uint64_t spins;
    atomic_bool enough;
};

/* The last CPU that we may be on; its number, or a skip when there is no other. */
static size_t last_cpu(void)
{
    size_t last = 0;
    cpu_set_t ours;

    assert_int_equal(sched_getaffinity(0, sizeof(ours), &ours), 0);
    if (CPU_COUNT(&ours) < 2 || CPU_COUNT(&ours) > CHARGE_CPUS)
        skip();
    for (size_t i = 0; i < CPU_SETSIZE; i++)
        last = CPU_ISSET(i, &ours) ? i : last;
    return last;
}

/* A child that is busy on `cpu`, in that class, until it is told that it is enough, or for ten
 * seconds. */
static pid_t start(struct busy *b, size_t cpu, int class)
{
    const struct sched_param first = {.sched_priority = 1};
    pid_t pid = fork();
    cpu_set_t one;

    assert_true(pid >= 0);
    if (pid)
        return pid;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    (void)alarm(10);
    if (sched_setaffinity(0, sizeof(one), &one) < 0 ||
        (class != SCHED_OTHER && sched_setscheduler(0, class, &first) < 0))
        _exit(1);
    while (!atomic_load(&b->enough))
        atomic_fetch_add(&b->spins, 1);
    _exit(0);
}

static void await_spins(const struct busy *b, uint64_t more)
{
    const uint64_t from = atomic_load(&b->spins);

    while (atomic_load(&b->spins) < from + more)
        (void)sched_yield();
}

static int end(struct busy *b, pid_t pid)
{
    int status;

    atomic_store(&b->enough, true);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    (void)munmap(b, sizeof(*b));
    return status;
}

static struct busy *make(void)
{
    struct busy *b =
        mmap(NULL, sizeof(*b), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    assert_ptr_not_equal(b, MAP_FAILED);
    return b;
}

/* As charged, which to ask for changes nothing. */
static uint64_t ran_ns(pid_t pid)
{
    char path[64], text[128] = "";

    (void)snprintf(path, sizeof(path), "/proc/%d/schedstat", (int)pid);
    auto_fd int fd = open(path, O_RDONLY);
    assert_true(read(fd, text, sizeof(text) - 1) > 0);
    return strtoull(text, NULL, 10);
}

static cpu_set_t all_cpus(void)
{
    cpu_set_t all;

    assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
    return all;
}

static void what_runs_elsewhere_is_charged_between_two_ticks(void **state)
{
    const cpu_set_t all = all_cpus();
    const size_t cpu = last_cpu();
    struct busy *b = make();
    pid_t pid = start(b, cpu, SCHED_OTHER);
    unsigned fresh = 0;

    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        charge_now(&all);
        const uint64_t before = ran_ns(pid);
        await_spins(b, SPINS);
        charge_now(&all);
        fresh += ran_ns(pid) > before;
    }
    assert_int_equal(end(b, pid), 0);
    assert_int_equal(fresh, ROUNDS);
}

static void no_other_keeper_is_waited_for(void **state)
{
    const struct sched_param first = {.sched_priority = 1}, none = {.sched_priority = 0};
    const cpu_set_t all = all_cpus();
    const size_t cpu = last_cpu();
    struct sched_param now;

    (void)state;
    if (sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &first) < 0)
        skip();
    struct busy *b = make();
    pid_t pid = start(b, cpu, SCHED_FIFO);
    await_spins(b, 1);
    charge_now(&all);
    assert_int_equal(sched_getscheduler(0), SCHED_RR | SCHED_RESET_ON_FORK);
    assert_int_equal(sched_getparam(0, &now), 0);
    assert_int_equal(now.sched_priority, 1);
    assert_int_equal(end(b, pid), 0);
    assert_int_equal(sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, &none), 0);
}

static void we_may_be_where_we_were_before(void **state)
{
    const cpu_set_t all = all_cpus();
    cpu_set_t one, after;

    (void)state;
    /* Also when we are held to one of them. */
    CPU_ZERO(&one);
    CPU_SET(last_cpu(), &one);
    assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
    charge_now(&all);
    assert_int_equal(sched_getaffinity(0, sizeof(after), &after), 0);
    assert_true(CPU_EQUAL(&one, &after));
    assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
}

static void a_tick_is_as_long_as_the_kernels(void **state)
{
    const uint64_t ns = charge_late_ns();

    (void)state;
    /* From 1000 a second to 100. */
    assert_in_range(ns, 900 * 1000, 11 * 1000 * 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_runs_elsewhere_is_charged_between_two_ticks),
        cmocka_unit_test(no_other_keeper_is_waited_for),
        cmocka_unit_test(we_may_be_where_we_were_before),
        cmocka_unit_test(a_tick_is_as_long_as_the_kernels),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
