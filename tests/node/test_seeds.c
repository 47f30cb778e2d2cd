/* SPDX-License-Identifier: MPL-2.0 */
#include "node/seeds.h"

#include "base/own.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct loop *loop;

static char found_text[512];

static void found(void *ctx, const char *const *endpoints, uint32_t n)
{
    (void)ctx;
    found_text[0] = 0;
    for (uint32_t i = 0; i < n; i++) {
        const size_t len = strlen(found_text);

        (void)snprintf(found_text + len, sizeof(found_text) - len, "%s ", endpoints[i]);
    }
    loop_stop(loop);
}

static void seeds_become_endpoints(void **state)
{
    struct err err = {0};
    struct seeds *s = seeds_new(loop, "127.0.0.2:70,[::1]:80, dns:127.0.0.3:90", found, NULL, &err);

    (void)state;
    assert_non_null(s);
    loop_run(loop);
    assert_string_equal(found_text, "tcp://127.0.0.2:70 tcp://[::1]:80 tcp://127.0.0.3:90 ");
    seeds_free(s);
}

static void a_wrong_seed_names_its_setting(void **state)
{
    static const char *const bad[] = {"nohost", "a:0", "a:99999", "a:b", ":7946", "dns:a"};
    struct err err = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_null(seeds_new(loop, bad[i], found, NULL, &err));
        assert_non_null(strstr(err.text, "ARENA_SEEDS"));
    }
}

static int set_up(void **state)
{
    (void)state;
    loop = loop_new();
    return 0;
}

static int clean_up(void **state)
{
    (void)state;
    loop_free(loop);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, clean_up)
        TEST(seeds_become_endpoints),
        TEST(a_wrong_seed_names_its_setting),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
