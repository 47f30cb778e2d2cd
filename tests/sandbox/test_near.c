/* SPDX-License-Identifier: MPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sandbox/near.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static cpu_set_t cpus_of(pid_t pid)
{
    cpu_set_t cpus;

    assert_int_equal(sched_getaffinity(pid, sizeof(cpus), &cpus), 0);
    return cpus;
}

/* The CPUs there are, or the test is skipped: with one of them all are near. */
static struct near_home home(void)
{
    struct near_home h;

    near_init(&h);
    if (CPU_COUNT(&h.cpus) < 2)
        skip();
    return h;
}

static void who_holds_itself_is_held_until_let_go(void **state)
{
    const struct near_home h = home();
    struct near_home then;

    (void)state;
    near_hold();
    near_hold();
    const cpu_set_t held = cpus_of(0);
    assert_int_equal(CPU_COUNT(&held), 1);
    /* It still knows where it may be otherwise. */
    near_init(&then);
    assert_true(CPU_EQUAL(&then.cpus, &h.cpus));
    near_let_go();
    near_let_go();
    const cpu_set_t all = cpus_of(0);
    assert_true(CPU_EQUAL(&all, &h.cpus));
}

static void who_was_told_to_be_elsewhere_meanwhile_stays_there(void **state)
{
    const struct near_home h = home();
    struct near_home told = h;

    (void)state;
    near_hold();
    const cpu_set_t held = cpus_of(0);
    CPU_XOR(&told.cpus, &h.cpus, &held);
    assert_int_equal(sched_setaffinity(0, sizeof(told.cpus), &told.cpus), 0);
    near_let_go();
    const cpu_set_t now = cpus_of(0);
    assert_true(CPU_EQUAL(&now, &told.cpus));
    (void)near_return(&h, 0);
}

static void who_was_brought_knows_it_until_let_go(void **state)
{
    const struct near_home h = home();

    (void)state;
    assert_int_equal(near_held(&h), NEAR_NOWHERE);
    const int cpu = near_bring(0, NEAR_NOWHERE);
    assert_true(cpu >= 0);
    assert_int_equal(near_held(&h), cpu);
    assert_int_equal(near_return(&h, 0), NEAR_NOWHERE);
    assert_int_equal(near_held(&h), NEAR_NOWHERE);
}

static void another_is_brought_to_our_cpu(void **state)
{
    const struct near_home h = home();
    pid_t pid = fork();

    (void)state;
    if (pid == 0)
        _exit(pause());
    assert_true(pid > 0);
    near_hold();
    const int ours = near_bring(pid, NEAR_NOWHERE);
    const cpu_set_t held = cpus_of(pid), mine = cpus_of(0);
    assert_true(CPU_EQUAL(&held, &mine));
    /* Who is there already is not asked to be. */
    (void)near_return(&h, pid);
    assert_int_equal(near_bring(pid, ours), ours);
    const cpu_set_t all = cpus_of(pid);
    assert_true(CPU_EQUAL(&all, &h.cpus));
    near_let_go();
    (void)kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void nobody_is_held_who_is_not_there(void **state)
{
    pid_t pid = fork();

    (void)state;
    if (pid == 0)
        _exit(0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(near_bring(pid, NEAR_NOWHERE), NEAR_NOWHERE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_holds_itself_is_held_until_let_go),
        cmocka_unit_test(who_was_told_to_be_elsewhere_meanwhile_stays_there),
        cmocka_unit_test(who_was_brought_knows_it_until_let_go),
        cmocka_unit_test(another_is_brought_to_our_cpu),
        cmocka_unit_test(nobody_is_held_who_is_not_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
