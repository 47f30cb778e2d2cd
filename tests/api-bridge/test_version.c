/* SPDX-License-Identifier: MPL-2.0 */
#include "api-bridge/version.h"

#include "base/own.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void a_range_holds_what_it_says(void **state)
{
    static const struct {
        const char *range, *version;
        int want;
    } cases[] = {
        {"", "3.11.2", 1},
        {"*", "3.11.2", 1},
        {"3", "3.11.2", 1},
        {"3.x", "3.11.2", 1},
        {"3.1", "3.11.2", 0},
        {"3.11", "3.11.2", 1},
        {"3.11.*", "3.11.2", 1},
        {"3.11.2", "3.11.2", 1},
        {"=3.11.2", "3.11.2", 1},
        {"v3.11.2", "3.11.2", 1},
        {"3.11.3", "3.11.2", 0},
        {"3.11.2", "3.11", 0},
        {">=3.9", "3.11.2", 1},
        {">= 3.9, <4", "3.11.2", 1},
        {">=3.9 <3.11", "3.11.2", 0},
        {">3.11", "3.11.2", 0},
        {">3.11.1", "3.11.2", 1},
        {"<=3.11", "3.11.2", 1},
        {"<3.11", "3.11.2", 0},
        {"^3.9", "3.11.2", 1},
        {"^3.12", "3.11.2", 0},
        {"^2", "3.11.2", 0},
        {"^0.2.3", "0.2.9", 1},
        {"^0.2.3", "0.3.0", 0},
        {"~3.11.1", "3.11.2", 1},
        {"~3.10.1", "3.11.2", 0},
        {"~3", "3.11.2", 1},
        {"2 || 3.11", "3.11.2", 1},
        {"2||>=4", "3.11.2", 0},
        {">=20", "v20.20.2", 1},
        {"17", "17.0.13+11-Debian", 1},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int got = api_version_match(cases[i].range, cases[i].version);

        if (got != cases[i].want)
            fail_msg("%s in \"%s\": %d", cases[i].version, cases[i].range, got);
    }
}

static void what_is_no_range_is_refused(void **state)
{
    static const char *const bad[] = {"latest", ">",   "3..1",   "3.",         "3.11rc1", "|",
                                      "3 ||",   "-1",  "1 - 2",  "3.1.2.3.4",  "=>3",     "^^3",
                                      "3|4",    "+ 3", "3.11\n", "99999999999"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (api_version_match(bad[i], "3.11.2") != -EINVAL)
            fail_msg("\"%s\" is taken", bad[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_range_holds_what_it_says),
        cmocka_unit_test(what_is_no_range_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
