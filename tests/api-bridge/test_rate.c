/* SPDX-License-Identifier: MPL-2.0 */
#include "api-bridge/rate.h"

#include "base/own.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const uint64_t second = 1000000000u;

static void a_client_gets_its_limit_at_once_and_then_the_rate(void **state)
{
    struct api_rate *r = api_rate_new(100, 60000, 1000, 1);
    uint64_t now = 5 * second;

    (void)state;
    for (uint32_t i = 0; i < 100; i++) {
        struct api_rate_answer a = api_rate_take(r, "a", 1, now);

        assert_true(a.allowed);
        assert_int_equal(a.remaining, 99 - i);
    }

    struct api_rate_answer refused = api_rate_take(r, "a", 1, now);
    assert_false(refused.allowed);
    assert_int_equal(refused.remaining, 0);
    assert_int_equal(refused.retry_after_s, 1);
    assert_int_equal(refused.reset_s, 60);
    assert_true(api_rate_take(r, "b", 1, now).allowed);
    assert_false(api_rate_take(r, "a", 1, now + second * 59 / 100).allowed);
    assert_true(api_rate_take(r, "a", 1, now + second * 60 / 100).allowed);
    assert_false(api_rate_take(r, "a", 1, now + second * 60 / 100).allowed);
    api_rate_free(r);
}

static void refused_requests_do_not_push_the_time_of_return_away(void **state)
{
    struct api_rate *r = api_rate_new(1, 1000, 10, 1);

    (void)state;
    assert_true(api_rate_take(r, "a", 1, 0).allowed);
    for (uint64_t t = 0; t < second; t += second / 100)
        assert_false(api_rate_take(r, "a", 1, t).allowed);
    assert_true(api_rate_take(r, "a", 1, second).allowed);
    api_rate_free(r);
}

static void a_flood_of_other_clients_never_blocks_a_new_one(void **state)
{
    struct api_rate *r = api_rate_new(2, 60000, 100, 7);

    (void)state;
    for (uint32_t i = 0; i < 100000; i++)
        assert_true(api_rate_take(r, &i, sizeof(i), second).allowed);
    assert_true(api_rate_take(r, "new", 3, second).allowed);
    api_rate_free(r);
}

static void a_limit_of_zero_is_no_limit(void **state)
{
    struct api_rate *r = api_rate_new(0, 60000, 10, 1);

    (void)state;
    for (int i = 0; i < 1000; i++)
        assert_true(api_rate_take(r, "a", 1, 0).allowed);
    api_rate_limit_set(r, 1);
    assert_true(api_rate_take(r, "a", 1, 0).allowed);
    assert_false(api_rate_take(r, "a", 1, 0).allowed);
    api_rate_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_gets_its_limit_at_once_and_then_the_rate),
        cmocka_unit_test(refused_requests_do_not_push_the_time_of_return_away),
        cmocka_unit_test(a_flood_of_other_clients_never_blocks_a_new_one),
        cmocka_unit_test(a_limit_of_zero_is_no_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
