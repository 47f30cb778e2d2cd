/* SPDX-License-Identifier: MPL-2.0 */
#include "api-bridge/quota.h"

#include "base/own.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct api_quota_key key(const char *address, uint64_t token)
{
    struct api_address a;

    assert_int_equal(api_address_parse(address, &a), 0);
    return api_quota_key(&a, token);
}

static void each_limit_is_reached_alone_and_named(void **state)
{
    const struct api_quota_limits limits = {.total = 4, .address = 2, .token = 1};
    struct api_quota *q = api_quota_new(&limits, 1);
    struct api_quota_key a = key("10.0.0.1", 0), b = key("10.0.0.2", 7), c = key("10.0.0.3", 7),
                         d = key("10.0.0.4", 8);

    (void)state;
    assert_null(api_quota_take(q, &a));
    assert_null(api_quota_take(q, &a));
    assert_string_equal(api_quota_take(q, &a), "address");
    assert_null(api_quota_take(q, &b));
    assert_string_equal(api_quota_take(q, &c), "token");
    assert_null(api_quota_take(q, &d));
    assert_string_equal(api_quota_take(q, &c), "server");
    api_quota_give(q, &b);
    assert_null(api_quota_take(q, &c));
    api_quota_give(q, &a);
    assert_null(api_quota_take(q, &a));
    api_quota_free(q);
}

static void addresses_of_one_64_are_one(void **state)
{
    const struct api_quota_limits limits = {.address = 1};
    struct api_quota *q = api_quota_new(&limits, 1);
    struct api_quota_key a = key("2001:db8::1", 0), b = key("2001:db8::ffff", 0),
                         c = key("2001:db8:0:1::1", 0);

    (void)state;
    assert_null(api_quota_take(q, &a));
    assert_string_equal(api_quota_take(q, &b), "address");
    assert_null(api_quota_take(q, &c));
    api_quota_free(q);
}

static void no_limit_is_none(void **state)
{
    const struct api_quota_limits limits = {0};
    struct api_quota *q = api_quota_new(&limits, 1);
    struct api_quota_key a = key("10.0.0.1", 3);

    (void)state;
    for (int i = 0; i < 1000; i++)
        assert_null(api_quota_take(q, &a));
    for (int i = 0; i < 1000; i++)
        api_quota_give(q, &a);
    api_quota_free(q);
}

static void a_new_limit_holds_for_what_is_open_already(void **state)
{
    struct api_quota *q = api_quota_new(&(struct api_quota_limits){.address = 3}, 1);
    struct api_quota_key a = key("10.0.0.1", 0);

    (void)state;
    assert_null(api_quota_take(q, &a));
    assert_null(api_quota_take(q, &a));
    api_quota_limits_set(q, &(struct api_quota_limits){.address = 2});
    assert_string_equal(api_quota_take(q, &a), "address");
    api_quota_give(q, &a);
    assert_null(api_quota_take(q, &a));
    api_quota_limits_set(q, &(struct api_quota_limits){.address = 0});
    assert_null(api_quota_take(q, &a));
    api_quota_free(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_limit_is_reached_alone_and_named),
        cmocka_unit_test(addresses_of_one_64_are_one),
        cmocka_unit_test(no_limit_is_none),
        cmocka_unit_test(a_new_limit_holds_for_what_is_open_already),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
