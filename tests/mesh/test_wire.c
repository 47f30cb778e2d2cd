/* SPDX-License-Identifier: MPL-2.0 */
#include "base/limits.h"
#include "base/rng.h"
#include "mesh/wire.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct wire_reader reader_of(const struct buf *b)
{
    struct wire_reader r;

    wire_reader_init(&r, b->data, b->len);
    return r;
}

static struct wire_reader reader_at(const char *bytes, size_t len)
{
    struct wire_reader r;

    wire_reader_init(&r, bytes, len);
    return r;
}

static void numbers_of_every_width_come_back(void **state)
{
    auto_buf struct buf b;

    (void)state;
    buf_init(&b, 64 * LIMIT_KIB);
    for (int shift = 0; shift < 64; shift++) {
        for (int off = -1; off <= 1; off++) {
            uint64_t u = (UINT64_C(1) << shift) + (uint64_t)off;
            int64_t i = (int64_t)(UINT64_C(0) - u);

            buf_reset(&b);
            wire_put_uint(&b, u);
            wire_put_int(&b, i);
            struct wire_reader r = reader_of(&b);
            assert_true(wire_get_uint(&r, UINT64_MAX) == u);
            assert_true(wire_get_int(&r) == i);
            assert_int_equal(wire_reader_end(&r), 0);
        }
    }
}

static void every_kind_comes_back(void **state)
{
    auto_buf struct buf b;
    struct id id = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};
    char text[8];

    (void)state;
    buf_init(&b, LIMIT_KIB);
    wire_put_array(&b, 8);
    wire_put_bool(&b, true);
    wire_put_bool(&b, false);
    wire_put_nil(&b);
    wire_put_double(&b, -0.25);
    wire_put_bin(&b, "a\0b", 3);
    wire_put_str(&b, "seven77");
    wire_put_str(&b, NULL);
    wire_put_id(&b, &id);

    struct wire_reader r = reader_of(&b);
    assert_int_equal(wire_get_array(&r, 8), 8);
    assert_true(wire_get_bool(&r));
    assert_false(wire_get_nil(&r));
    assert_false(wire_get_bool(&r));
    assert_true(wire_get_nil(&r));
    assert_true(wire_get_double(&r) == -0.25);
    struct span s = wire_get_bin(&r, 3);
    assert_int_equal(s.len, 3);
    assert_memory_equal(s.data, "a\0b", 3);
    wire_get_str(&r, text, sizeof(text));
    assert_string_equal(text, "seven77");
    wire_get_str(&r, text, sizeof(text));
    assert_string_equal(text, "");
    struct id back = wire_get_id(&r);
    assert_true(id_eq(&back, &id));
    assert_int_equal(wire_reader_end(&r), 0);
}

static void long_bytes_use_every_length_format(void **state)
{
    static const size_t lengths[] = {0, 31, 32, 255, 256, 65535, 65536};
    auto_buf struct buf b;

    (void)state;
    buf_init(&b, LIMIT_MIB);
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        auto_free char *text = malloc(lengths[i] + 1);
        auto_free char *back = malloc(lengths[i] + 1);

        memset(text, 'x', lengths[i]);
        text[lengths[i]] = '\0';
        buf_reset(&b);
        wire_put_str(&b, text);
        wire_put_bin(&b, text, lengths[i]);
        struct wire_reader r = reader_of(&b);
        wire_get_str(&r, back, lengths[i] + 1);
        assert_string_equal(back, text);
        assert_int_equal(wire_get_bin(&r, lengths[i]).len, lengths[i]);
        assert_int_equal(wire_reader_end(&r), 0);
    }
}

static void a_write_past_the_cap_is_remembered(void **state)
{
    auto_buf struct buf b;

    (void)state;
    buf_init(&b, 4);
    wire_put_str(&b, "abc");
    assert_false(b.full);
    wire_put_uint(&b, 1);
    assert_true(b.full);
    assert_int_equal(b.len, 4);
}

static void the_first_wrong_thing_spoils_the_rest(void **state)
{
    auto_buf struct buf b;
    char text[4] = "old";

    (void)state;
    buf_init(&b, 64);
    wire_put_uint(&b, 7);
    wire_put_uint(&b, 8);
    struct wire_reader r = reader_of(&b);
    assert_int_equal(wire_get_uint(&r, 6), 0);
    assert_true(r.bad);
    assert_int_equal(wire_get_uint(&r, 9), 0);
    assert_int_equal(wire_get_int(&r), 0);
    assert_int_equal(wire_get_array(&r, 9), 0);
    assert_int_equal(wire_get_bin(&r, 9).len, 0);
    wire_get_str(&r, text, sizeof(text));
    assert_string_equal(text, "");
    assert_int_equal(wire_reader_end(&r), -EBADMSG);
}

static void what_does_not_fit_its_reader_is_bad(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        char reader;
    } cases[] = {
        {"\xdd\xff\xff\xff\xff", 5, 'a'}, /* more elements than bytes */
        {"\x91", 1, 'a'},                 /* an element that is not there */
        {"\xc4\x05zyxw", 6, 'b'},         /* bytes cut short */
        {"\xc6\xff\xff\xff\xff", 5, 'b'}, /* 4 GiB of them */
        {"\xd9\x03"
         "a\0b",
         5, 's'}, /* NUL in a text */
        {"\xc4\x01"
         "a",
         3, 's'},                                         /* bytes where a text is due */
        {"\xa8toolong8", 9, 's'},                         /* no room for its NUL */
        {"\xcb\x7f\xf0\0\0\0\0\0\0", 9, 'd'},             /* infinity */
        {"\xcb\x7f\xf8\0\0\0\0\0\1", 9, 'd'},             /* NaN */
        {"\xca\x7f\x80\0\0", 5, 'd'},                     /* float infinity */
        {"\xcf\xff\xff\xff\xff\xff\xff\xff\xff", 9, 'i'}, /* over INT64_MAX */
        {"\xd0\xff", 2, 'u'},                             /* -1 */
        {"\xc1", 1, 'u'},                                 /* the one unused head byte */
        {"\xcd\x01", 2, 'u'},                             /* a number cut short */
        {"\xc4\x0f"
         "123456789012345",
         17, 'n'}, /* 15 bytes of an id */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct wire_reader r = reader_at(cases[i].bytes, cases[i].len);
        char text[8];

        switch (cases[i].reader) {
        case 'a':
            (void)wire_get_array(&r, UINT32_MAX);
            break;
        case 'b':
            (void)wire_get_bin(&r, SIZE_MAX);
            break;
        case 's':
            wire_get_str(&r, text, sizeof(text));
            break;
        case 'd':
            (void)wire_get_double(&r);
            break;
        case 'i':
            (void)wire_get_int(&r);
            break;
        case 'u':
            (void)wire_get_uint(&r, UINT64_MAX);
            break;
        default:
            (void)wire_get_id(&r);
        }
        assert_true(r.bad);
    }
}

static void numbers_written_wider_than_needed_are_read(void **state)
{
    struct wire_reader r = reader_at("\xd3\0\0\0\0\0\0\0\7\xcf\0\0\0\0\0\0\0\7\xe0", 19);

    (void)state;
    assert_int_equal(wire_get_uint(&r, 7), 7);
    assert_int_equal(wire_get_int(&r), 7);
    assert_int_equal(wire_get_int(&r), -32);
    assert_int_equal(wire_reader_end(&r), 0);
}

static void skipping_steps_over_any_value(void **state)
{
    /* [1, {"a": [nil, -1]}, ext of 2, float, "xyz"] and a 7 behind it. */
    static const char bytes[] = "\x95\x01\x81\xa1"
                                "a\x92\xc0\xff\xd5\x01zz\xca\0\0\0\0\xa3xyz\x07";
    struct wire_reader r = reader_at(bytes, sizeof(bytes) - 1);

    (void)state;
    wire_skip(&r);
    assert_int_equal(wire_get_uint(&r, 7), 7);
    assert_int_equal(wire_reader_end(&r), 0);
}

static void nesting_past_the_limit_is_bad(void **state)
{
    char deep[64];
    struct wire_reader r;

    (void)state;
    memset(deep, '\x91', sizeof(deep));
    deep[LIMIT_WIRE_DEPTH] = '\x01';
    r = reader_at(deep, LIMIT_WIRE_DEPTH + 1);
    wire_skip(&r);
    assert_int_equal(wire_reader_end(&r), 0);
    deep[LIMIT_WIRE_DEPTH] = '\x91';
    deep[LIMIT_WIRE_DEPTH + 1] = '\x01';
    r = reader_at(deep, LIMIT_WIRE_DEPTH + 2);
    wire_skip(&r);
    assert_true(r.bad);
}

static void random_bytes_never_take_a_reader_past_its_end(void **state)
{
    struct rng rng;

    (void)state;
    rng_init(&rng, 1);
    for (int round = 0; round < 20000; round++) {
        size_t len = rng_below(&rng, 40);
        auto_free uint8_t *bytes = malloc(len ? len : 1);
        struct wire_reader r;

        for (size_t i = 0; i < len; i++)
            bytes[i] = (uint8_t)rng_u64(&rng);
        wire_reader_init(&r, bytes, len);
        while (!r.bad && r.at < r.end) {
            const uint8_t *before = r.at;

            wire_skip(&r);
            assert_true(r.bad || r.at > before);
            assert_true(r.at <= r.end);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_of_every_width_come_back),
        cmocka_unit_test(every_kind_comes_back),
        cmocka_unit_test(long_bytes_use_every_length_format),
        cmocka_unit_test(a_write_past_the_cap_is_remembered),
        cmocka_unit_test(the_first_wrong_thing_spoils_the_rest),
        cmocka_unit_test(what_does_not_fit_its_reader_is_bad),
        cmocka_unit_test(numbers_written_wider_than_needed_are_read),
        cmocka_unit_test(skipping_steps_over_any_value),
        cmocka_unit_test(nesting_past_the_limit_is_bad),
        cmocka_unit_test(random_bytes_never_take_a_reader_past_its_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
