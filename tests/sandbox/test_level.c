/* SPDX-License-Identifier: MPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sandbox/level.h"

#include <errno.h>

static const struct isolation all = {.user = true,
                                     .spaces = true,
                                     .proc = true,
                                     .listener = true,
                                     .cgroups = true,
                                     .group_kill = true,
                                     .ids = true,
                                     .landlock = true};

static void a_level_is_what_works_and_nothing_more(void **state)
{
    struct isolation i = all;

    (void)state;
    assert_int_equal(level_of(&i), LEVEL_FULL);
    i.cgroups = false;
    assert_int_equal(level_of(&i), LEVEL_NS);
    i.proc = false;
    assert_int_equal(level_of(&i), LEVEL_NS_NOPROC);
    i.cgroups = true;
    assert_int_equal(level_of(&i), LEVEL_NS_NOPROC);
    i.spaces = false;
    assert_int_equal(level_of(&i), LEVEL_LSM);
    i.landlock = false;
    assert_int_equal(level_of(&i), LEVEL_NONE);
}

static void names_go_both_ways(void **state)
{
    enum level got;

    (void)state;
    for (int l = LEVEL_NONE; l <= LEVEL_FULL; l++) {
        assert_int_equal(level_parse(level_name((enum level)l), &got), 0);
        assert_int_equal(got, l);
    }
    assert_int_equal(level_parse("fuller", &got), -EINVAL);
}

static void what_is_lacking_is_said_in_words(void **state)
{
    struct isolation i = all;
    char text[LIMIT_TEXT], tiny[4];

    (void)state;
    level_lacks(&i, text, sizeof(text));
    assert_string_equal(text, "");
    i.cgroups = i.ids = i.landlock = false;
    level_lacks(&i, text, sizeof(text));
    assert_string_equal(text, "cgroup limits and accounting, user ids of its own");
    level_lacks(&i, tiny, sizeof(tiny));
    assert_string_equal(tiny, "cgr");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_level_is_what_works_and_nothing_more),
        cmocka_unit_test(names_go_both_ways),
        cmocka_unit_test(what_is_lacking_is_said_in_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
