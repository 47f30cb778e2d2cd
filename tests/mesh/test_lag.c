/* SPDX-License-Identifier: MPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mesh/meter.h"
#include "tests/mesh/hamlet.h"

/* What `node` tells of how far each other is behind, added up. */
static struct lags_of lag(struct hamlet *h, int node)
{
    struct lags_of sum = {0};
    struct lags all;

    mesh_check(hamlet_mesh(h, node));
    mesh_lags_get(hamlet_mesh(h, node), &all);
    assert_int_equal(all.n, 2);
    assert_string_not_equal(all.of[0].name, all.of[1].name);
    for (uint32_t i = 0; i < all.n; i++) {
        sum.copies += all.of[i].copies;
        if (all.of[i].oldest_us > sum.oldest_us)
            sum.oldest_us = all.of[i].oldest_us;
    }
    return sum;
}

static void nobody_is_behind_once_all_is_confirmed(void **state)
{
    struct hamlet *h = hamlet_new(3);

    (void)state;
    hamlet_run(h, 5000);
    hamlet_runs(h, 10, MESH_OUTCOME_RESULT);
    for (int i = 0; i < 5; i++)
        (void)hamlet_job(h, 0);
    hamlet_run(h, 5000);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(lag(h, i).copies, 0);
        assert_int_equal(lag(h, i).oldest_us, 0);
    }
    hamlet_free(h);
}

static void a_peer_that_is_down_falls_behind_until_it_is_back(void **state)
{
    struct hamlet *h = hamlet_new(3);
    struct lags_of before, after;

    (void)state;
    hamlet_run(h, 5000);
    hamlet_runs(h, 10, MESH_OUTCOME_RESULT);
    hamlet_crash(h, 2);
    for (int i = 0; i < 5; i++)
        (void)hamlet_job(h, 0);
    hamlet_run(h, 5000);
    before = lag(h, 0);
    assert_int_equal(before.copies, 5);
    hamlet_run(h, 10000);
    after = lag(h, 0);
    assert_int_equal(after.copies, 5);
    assert_int_equal(after.oldest_us - before.oldest_us, 10000000);
    hamlet_restart(h, 2);
    hamlet_run(h, 30000);
    assert_int_equal(lag(h, 0).copies, 0);
    hamlet_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_is_behind_once_all_is_confirmed),
        cmocka_unit_test(a_peer_that_is_down_falls_behind_until_it_is_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
