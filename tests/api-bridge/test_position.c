/* SPDX-License-Identifier: MPL-2.0 */
#include "api-bridge/position.h"
#include "base/own.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void what_was_written_is_read_back(void **state)
{
    uint64_t seqs[API_POSITIONS_MAX] = {1, 0, UINT64_MAX, 0x17}, back[API_POSITIONS_MAX];
    auto_buf struct buf out;

    (void)state;
    for (unsigned i = 4; i < API_POSITIONS_MAX; i++)
        seqs[i] = UINT64_MAX - i;
    buf_init(&out, API_POSITIONS_TEXT_MAX);
    assert_int_equal(api_positions_write(seqs, 4, &out), 0);
    assert_true(span_eq(buf_span(&out), span_of("1.0.ffffffffffffffff.17")));
    assert_true(api_positions_read(buf_span(&out), 4, back));
    assert_memory_equal(back, seqs, 4 * sizeof(seqs[0]));
    buf_reset(&out);
    assert_int_equal(api_positions_write(seqs, API_POSITIONS_MAX, &out), 0);
    assert_true(api_positions_read(buf_span(&out), API_POSITIONS_MAX, back));
    assert_memory_equal(back, seqs, sizeof(seqs));
}

static void any_other_text_is_refused_and_writes_nothing(void **state)
{
    static const char *const bad[] = {
        "",
        ".",
        "1",
        "1.",
        "1.2.",
        ".1.2",
        "1.2.3",
        "-1.2",
        " 1.2",
        "+1.2",
        "0x1.2",
        "1.G",
        "01.2",
        "1.00",
        "1,2",
        "1.2 ",
        "1.10000000000000000",
        "A.2",
        "1.fffffffffffffffff",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        uint64_t back[2] = {7, 7};

        assert_false(api_positions_read(span_of(bad[i]), 2, back));
        assert_int_equal(back[0], 7);
        assert_int_equal(back[1], 7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read_back),
        cmocka_unit_test(any_other_text_is_refused_and_writes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
