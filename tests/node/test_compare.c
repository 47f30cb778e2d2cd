/* SPDX-License-Identifier: MPL-2.0 */
#include "node/compare.h"

#include "base/own.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct row {
    enum spec_checker_type type;
    const char *got;
    const char *want;
    bool same;
    int64_t line; /* of the difference */
};

static const struct row rows[] = {
    {SPEC_CHECKER_LINES, "", "", true, 0},
    {SPEC_CHECKER_LINES, "a\nb\n", "a\nb", true, 0},
    {SPEC_CHECKER_LINES, "a  \nb\t\r\n\n\n", "a\nb", true, 0},
    {SPEC_CHECKER_LINES, "\n\n \n", "", true, 0},
    {SPEC_CHECKER_LINES, " a", "a", false, 1},
    {SPEC_CHECKER_LINES, "a\n\nb", "a\nb", false, 2},
    {SPEC_CHECKER_LINES, "a\nb\nc", "a\nb", false, 3},
    {SPEC_CHECKER_LINES, "a\n", "a\nb\n", false, 2},
    {SPEC_CHECKER_LINES, "a\nB\nc", "a\nb\nc", false, 2},
    {SPEC_CHECKER_EXACT, "a\n", "a\n", true, 0},
    {SPEC_CHECKER_EXACT, "a\n", "a", false, 1},
    {SPEC_CHECKER_EXACT, "a\nb ", "a\nb", false, 2},
    {SPEC_CHECKER_EXACT, "", "", true, 0},
    {SPEC_CHECKER_TRIM, " \n a b \n", "a b", true, 0},
    {SPEC_CHECKER_TRIM, "a  b", "a b", false, 1},
    {SPEC_CHECKER_TRIM, "a \nb", "a\nb", false, 1},
    {SPEC_CHECKER_TOKENS, "1   2\n3", "1 2 3\n", true, 0},
    {SPEC_CHECKER_TOKENS, "1 2", "1 2 3", false, 1},
    {SPEC_CHECKER_TOKENS, "1\n2\n4", "1 2 3", false, 3},
    {SPEC_CHECKER_TOKENS, "1.0", "1", false, 1},
    {SPEC_CHECKER_FLOAT, "1.0", "1", true, 0},
    {SPEC_CHECKER_FLOAT, "1e3 x", "1000 x", true, 0},
    {SPEC_CHECKER_FLOAT, "0.3333333333", "0.33333333333333", true, 0},
    {SPEC_CHECKER_FLOAT, "0.33", "0.34", false, 1},
    {SPEC_CHECKER_FLOAT, "nan", "1", false, 1},
    {SPEC_CHECKER_FLOAT, "nan", "nan", true, 0},
    {SPEC_CHECKER_FLOAT, "inf", "1e400", false, 1},
    {SPEC_CHECKER_FLOAT, "0x10", "16", false, 1},
};

static void every_row_of_the_table_holds(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct spec_checker c = {.type = rows[i].type};
        struct compare_difference d = {0};
        const bool same = compare_output(&c, span_of(rows[i].got), span_of(rows[i].want), &d);

        if (same != rows[i].same || (!same && d.line != rows[i].line))
            fail_msg("row %zu: same %d, line %lld (%s)", i, same, (long long)d.line, d.detail);
    }
}

static void a_tolerance_is_absolute_or_relative(void **state)
{
    const struct spec_checker absolute = {.type = SPEC_CHECKER_FLOAT, .absolute = 0.01};
    const struct spec_checker relative = {.type = SPEC_CHECKER_FLOAT, .relative = 0.01};
    struct compare_difference d;

    (void)state;
    assert_true(compare_output(&absolute, span_of("0.005"), span_of("0"), &d));
    assert_false(compare_output(&relative, span_of("0.005"), span_of("0"), &d));
    assert_true(compare_output(&relative, span_of("1005"), span_of("1000"), &d));
    assert_false(compare_output(&absolute, span_of("1005"), span_of("1000"), &d));
}

static void a_difference_is_told_in_printable_ascii(void **state)
{
    const struct spec_checker c = {.type = SPEC_CHECKER_LINES};
    struct compare_difference d;
    char long_line[2000];

    (void)state;
    assert_false(compare_output(&c, span_of("\x01\xff"), span_of("ok"), &d));
    assert_string_equal(d.detail, "line 1: expected \"ok\", got \"\\x01\\xff\"");
    memset(long_line, 0x80, sizeof(long_line));
    assert_false(compare_output(&c, (struct span){(uint8_t *)long_line, sizeof(long_line)},
                                span_of("ok"), &d));
    for (const char *p = d.detail; *p; p++)
        assert_in_range(*p, 0x20, 0x7e);
    assert_false(compare_output(&c, span_of("a"), span_of("a\nb"), &d));
    assert_string_equal(d.detail, "line 2: expected \"b\", got nothing more");
}

static void nul_bytes_are_bytes(void **state)
{
    const struct spec_checker c = {.type = SPEC_CHECKER_EXACT};
    struct compare_difference d;
    const struct span a = {(const uint8_t *)"a\0b", 3};
    const struct span b = {(const uint8_t *)"a\0c", 3};

    (void)state;
    assert_true(compare_output(&c, a, a, &d));
    assert_false(compare_output(&c, a, b, &d));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_of_the_table_holds),
        cmocka_unit_test(a_tolerance_is_absolute_or_relative),
        cmocka_unit_test(a_difference_is_told_in_printable_ascii),
        cmocka_unit_test(nul_bytes_are_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
