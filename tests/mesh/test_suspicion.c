/* SPDX-License-Identifier: MPL-2.0 */
#include "mesh/suspicion.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct id nodes[4] = {{{1}}, {{2}}, {{3}}, {{4}}};
static const uint64_t ms = 1000000;

static void the_least_time_grows_with_the_logarithm_of_the_mesh(void **state)
{
    static const struct {
        uint32_t n, least;
    } rows[] = {{1, 2000}, {3, 2000}, {10, 2000}, {50, 3380}, {100, 3960}, {1000, 5960}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_in_range(suspicion_min_ms(rows[i].n, 500), rows[i].least, rows[i].least + 40);
    for (uint32_t n = 1; n < 20000; n++)
        assert_true(suspicion_min_ms(n, 500) <= suspicion_min_ms(n + 1, 500));
}

static void the_spread_is_the_ceiling_of_the_logarithm(void **state)
{
    (void)state;
    assert_int_equal(suspicion_spread(1), 1);
    assert_int_equal(suspicion_spread(9), 1);
    assert_int_equal(suspicion_spread(10), 2);
    assert_int_equal(suspicion_spread(99), 2);
    assert_int_equal(suspicion_spread(100), 3);
}

static void each_independent_accuser_shortens_it(void **state)
{
    struct suspicion s;

    (void)state;
    suspicion_init(&s, &nodes[0], 10, 500, 7);
    assert_true(suspicion_deadline(&s) == 7 + 12000 * ms);
    assert_false(suspicion_confirm(&s, &nodes[0]));
    assert_true(suspicion_confirm(&s, &nodes[1]));
    assert_in_range(suspicion_deadline(&s), 7 + 5600 * ms, 7 + 5800 * ms); /* 1 - log 2 / log 3 */
    assert_false(suspicion_confirm(&s, &nodes[1]));
    assert_true(suspicion_confirm(&s, &nodes[2]));
    assert_true(suspicion_deadline(&s) == 7 + 2000 * ms);
    assert_false(suspicion_confirm(&s, &nodes[3]));
}

static void too_few_to_confirm_means_the_least_time_at_once(void **state)
{
    struct suspicion s;

    (void)state;
    suspicion_init(&s, &nodes[0], 3, 500, 0);
    assert_true(suspicion_deadline(&s) == 2000 * ms);
    assert_false(suspicion_confirm(&s, &nodes[1]));
    suspicion_init(&s, &nodes[0], 4, 500, 0);
    assert_true(suspicion_deadline(&s) == 12000 * ms);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_least_time_grows_with_the_logarithm_of_the_mesh),
        cmocka_unit_test(the_spread_is_the_ceiling_of_the_logarithm),
        cmocka_unit_test(each_independent_accuser_shortens_it),
        cmocka_unit_test(too_few_to_confirm_means_the_least_time_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
