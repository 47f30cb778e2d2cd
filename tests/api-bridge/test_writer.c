/* SPDX-License-Identifier: MPL-2.0 */
#include "api-bridge/base64.h"
#include "api-bridge/writer.h"

#include <errno.h>
#include <setjmp.h>

#include <cmocka.h>

static void what_is_written_is_json_whatever_the_bytes(void **state)
{
    auto_buf struct buf b;
    struct api_json_writer w;

    (void)state;
    buf_init(&b, 1000);
    api_json_writer_init(&w, &b);
    api_json_open(&w, NULL, '{');
    api_json_put_text(&w, "t", (struct span){(const uint8_t *)"a\"\\\n\x01\xff\xe2\x82\xac\0", 10});
    api_json_open(&w, "list", '[');
    api_json_put_int(&w, NULL, -5);
    api_json_put_int(&w, NULL, INT64_MIN);
    api_json_put_bool(&w, NULL, true);
    api_json_put_null(&w, NULL);
    api_json_close(&w, ']');
    api_json_put_seconds(&w, "s", 1234567);
    api_json_put_base64(&w, "b", span_of("hi"));
    api_json_close(&w, '}');
    assert_int_equal(buf_putc(&b, 0), 0);
    assert_string_equal(
        b.data, "{\"t\":\"a\\\"\\\\\\n\\u0001\xef\xbf\xbd\xe2\x82\xac\\u0000\","
                "\"list\":[-5,-9223372036854775808,true,null],\"s\":1.234567,\"b\":\"aGk=\"}");
}

static void a_fault_becomes_the_error_object(void **state)
{
    auto_buf struct buf b;
    struct api_fault f = {0};

    (void)state;
    buf_init(&b, 1000);
    api_fault_field(&f, API_FAULT_BAD_TYPE, "code", "code must be %s", "a string");
    api_json_put_fault(&b, &f);
    (void)buf_putc(&b, 0);
    assert_string_equal(b.data,
                        "{\"error\":{\"code\":\"invalid_type\",\"message\":\"code must be a "
                        "string\",\"field\":\"code\"}}");
    assert_int_equal(api_fault_status(f.code), 400);
}

static void utf8_is_told_from_what_only_looks_like_it(void **state)
{
    (void)state;
    assert_true(api_utf8_ok(span_of("")));
    assert_true(api_utf8_ok(span_of("a\xc2\xa9\xe2\x82\xac\xf0\x9f\x98\x80")));
    assert_false(api_utf8_ok(span_of("\xc0\x80")));
    assert_false(api_utf8_ok(span_of("\xed\xa0\x80")));
    assert_false(api_utf8_ok(span_of("\xf4\x90\x80\x80")));
    assert_false(api_utf8_ok(span_of("\xe2\x82")));
    assert_int_equal(api_utf8_whole(span_of("ab\xe2\x82")), 2);
    assert_int_equal(api_utf8_whole(span_of("ab\xff z")), 5);
    assert_int_equal(api_utf8_whole(span_of("ab")), 2);
}

static int decode(const char *text, enum api_base64_kind kind, const char *want)
{
    auto_buf struct buf b;
    int r;

    buf_init(&b, 100);
    r = api_base64_decode(span_of(text), kind, &b);
    if (r == 0)
        assert_true(span_eq(buf_span(&b), span_of(want)));
    return r;
}

static void base64_is_decoded_strictly(void **state)
{
    static const char *const bad[] = {
        "Zg", "Zg=", "Zh==", "Zm9=", "Zm 9v", "====", "Zg==Zg==", "Z"};

    (void)state;
    assert_int_equal(decode("", API_BASE64_STANDARD, ""), 0);
    assert_int_equal(decode("Zg==", API_BASE64_STANDARD, "f"), 0);
    assert_int_equal(decode("Zm8=", API_BASE64_STANDARD, "fo"), 0);
    assert_int_equal(decode("Zm9v", API_BASE64_STANDARD, "foo"), 0);
    assert_int_equal(decode("-_8", API_BASE64_URL, "\xfb\xff"), 0);
    assert_int_equal(decode("-_8=", API_BASE64_URL, ""), -EINVAL);
    assert_int_equal(decode("-_8=", API_BASE64_STANDARD, ""), -EINVAL);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(decode(bad[i], API_BASE64_STANDARD, ""), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_json_whatever_the_bytes),
        cmocka_unit_test(a_fault_becomes_the_error_object),
        cmocka_unit_test(utf8_is_told_from_what_only_looks_like_it),
        cmocka_unit_test(base64_is_decoded_strictly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
