/* SPDX-License-Identifier: MPL-2.0 */
#include "api-bridge/address.h"

#include "base/own.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct api_address parse(const char *text)
{
    struct api_address a;

    assert_int_equal(api_address_parse(text, &a), 0);
    return a;
}

static void only_the_public_internet_is_public(void **state)
{
    static const char *const inside[] = {"127.0.0.1",
                                         "127.8.8.8",
                                         "10.1.2.3",
                                         "172.31.255.255",
                                         "192.168.0.1",
                                         "0.0.0.0",
                                         "100.64.0.1",
                                         "169.254.169.254",
                                         "::1",
                                         "::",
                                         "fe80::1",
                                         "fd00::1",
                                         "::ffff:127.0.0.1",
                                         "64:ff9b::7f00:1",
                                         "2002:7f00:1::",
                                         "224.0.0.1",
                                         "ff02::1",
                                         "255.255.255.255",
                                         "::127.0.0.1",
                                         "::8.8.8.8",
                                         "2001:db8::1"};
    static const char *const outside[] = {"1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111",
                                          "64:ff9b::101:101"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(inside); i++) {
        struct api_address a = parse(inside[i]);
        assert_false(api_address_public(&a));
    }
    for (size_t i = 0; i < ARRAY_LEN(outside); i++) {
        struct api_address a = parse(outside[i]);
        assert_true(api_address_public(&a));
    }
}

static void forwarded_for_is_believed_only_from_trusted_hops(void **state)
{
    static const struct {
        const char *peer, *line, *client;
        bool goes_on; /* to the line before */
    } walks[] = {
        {"10.0.0.1", "6.6.6.6, 1.2.3.4 , 10.0.0.9", "1.2.3.4", false},
        {"10.0.0.1", "nonsense", "10.0.0.1", false},
        {"9.9.9.9", "1.2.3.4", "9.9.9.9", false},
        {"10.0.0.1", "10.0.0.8,10.0.0.9", "10.0.0.8", true},
        {"10.0.0.1", "", "10.0.0.1", true},
        {"10.0.0.1", "1.2.3.4, ,,", "1.2.3.4", false},
        {"10.0.0.1", "8.8.8.8:123", "8.8.8.8", false},
        {"10.0.0.1", "1.2.3.4, 10.0.0.7:80", "1.2.3.4", false},
        {"10.0.0.1", "[2001:db8::1]:443", "2001:db8::1", false},
        {"10.0.0.1", "[2001:db8::1]", "2001:db8::1", false},
        {"10.0.0.1", "2001:db8::1", "2001:db8::1", false},
        {"10.0.0.1", "1.2.3.4, fd00::9", "1.2.3.4", false},
        {"10.0.0.1", "[2001:db8::1", "10.0.0.1", false},
        {"10.0.0.1", "[2001:db8::1]443", "10.0.0.1", false},
        {"10.0.0.1", "8.8.8.8:12x", "10.0.0.1", false},
        {"10.0.0.1", ":80", "10.0.0.1", false},
    };
    struct api_nets trusted;
    char text[API_ADDRESS_TEXT];

    (void)state;
    assert_int_equal(api_nets_parse("10.0.0.0/8, fd00::/8", &trusted, NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(walks); i++) {
        struct api_address got = parse(walks[i].peer);

        assert_int_equal(api_address_behind(&got, span_of(walks[i].line), &trusted),
                         walks[i].goes_on);
        assert_string_equal(api_address_format(&got, text), walks[i].client);
    }
}

static void networks_that_are_wrong_are_named(void **state)
{
    struct api_nets nets;
    struct err err;

    (void)state;
    assert_int_equal(api_nets_parse(" 10.0.0.0/8,::1 , fd00::/8", &nets, &err), 0);
    assert_int_equal(nets.n, 3);
    assert_int_equal(api_nets_parse("10.0.0.0/33", &nets, &err), -EINVAL);
    assert_non_null(strstr(err.text, "10.0.0.0/33"));
    assert_int_equal(api_nets_parse("host.example", &nets, &err), -EINVAL);
    assert_int_equal(api_nets_parse("10.0.0.0/", &nets, &err), -EINVAL);
}

static void ipv6_clients_are_counted_by_their_64(void **state)
{
    struct api_address a = parse("2001:4860:1:2:3:4:5:6");
    struct api_address b = parse("2001:4860:1:2:ffff::1");
    struct api_address ga = api_address_group(&a);
    struct api_address gb = api_address_group(&b);

    (void)state;
    assert_memory_equal(ga.b, gb.b, sizeof(ga.b));
    a = parse("1.2.3.4");
    b = parse("1.2.3.5");
    ga = api_address_group(&a);
    gb = api_address_group(&b);
    assert_memory_not_equal(ga.b, gb.b, sizeof(ga.b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_public_internet_is_public),
        cmocka_unit_test(forwarded_for_is_believed_only_from_trusted_hops),
        cmocka_unit_test(networks_that_are_wrong_are_named),
        cmocka_unit_test(ipv6_clients_are_counted_by_their_64),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
