/* SPDX-License-Identifier: MPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sandbox/budget.h"

#define MS 1000000ULL

static const struct step_limits one = {.processes = 1}, many = {.processes = 32};
static const struct step_limits shared = {.processes = 32, .cpu_share = 1000};

static void one_process_is_on_one_cpu(void **state)
{
    (void)state;
    assert_int_equal(budget_lasts_ns(&one, 4, 100 * MS), 100 * MS);
    assert_int_equal(budget_lasts_ns(&many, 1, 100 * MS), 100 * MS);
}

static void many_are_on_all_of_them(void **state)
{
    (void)state;
    assert_int_equal(budget_lasts_ns(&many, 4, 100 * MS), 25 * MS);
    assert_int_equal(budget_lasts_ns(&many, 64, 64 * MS), 2 * MS);
}

static void a_share_is_used_up_on_all_cpus_at_once(void **state)
{
    (void)state;
    assert_int_equal(budget_lasts_ns(&shared, 2, 6 * MS), 3 * MS);
    assert_int_equal(budget_lasts_ns(&shared, 2, 40 * MS), 20 * MS);
}

static void a_share_holds_over_many_periods(void **state)
{
    const uint64_t ahead = 2 * CGROUP_PERIOD_US * 1000;

    (void)state;
    assert_int_equal(budget_lasts_ns(&shared, 4, 1000 * MS), 1000 * MS - ahead);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_process_is_on_one_cpu),
        cmocka_unit_test(many_are_on_all_of_them),
        cmocka_unit_test(a_share_is_used_up_on_all_cpus_at_once),
        cmocka_unit_test(a_share_holds_over_many_periods),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
