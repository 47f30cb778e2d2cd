/* SPDX-License-Identifier: MPL-2.0 */
#include "api-bridge/json.h"

#include <setjmp.h>

#include <cmocka.h>

static enum api_fault_code parse_code(const char *text, size_t len)
{
    struct api_fault f = {0};
    struct api_json *v = api_json_parse((struct span){(const uint8_t *)text, len}, &f);

    assert_true((v == NULL) == (f.code != API_FAULT_NONE));
    api_json_free(v);
    return f.code;
}

static void text_that_is_not_strict_json_is_refused(void **state)
{
    static const char *const bad[] = {
        "{",
        "{}x",
        "{\"a\":1,\"a\":2}",
        "{\"a\":\"\\u0000\"}",
        "{\"\\u0000\":1}",
        "{\"a\":\"\xff\"}",
        "{\"a\":\"\xed\xa0\x80\"}",
        "{'a':1}",
        "{\"a\":NaN}",
        "{\"a\":99999999999999999999}",
        "{\"a\":01}",
        "{\"a\":1,}",
        "\"text\"",
        "12",
        "",
        "\xef\xbb\xbf{}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(parse_code(bad[i], strlen(bad[i])), API_FAULT_BAD_JSON);
    assert_int_equal(parse_code("{\"a\":\"x\0y\"}", 11), API_FAULT_BAD_JSON);
    assert_int_equal(parse_code("{}", 2), API_FAULT_NONE);
    assert_int_equal(parse_code("[{\"a\":\"\xe2\x82\xac\"}]", 13), API_FAULT_NONE);
}

static void ten_thousand_levels_are_refused(void **state)
{
    static char deep[20000];

    (void)state;
    memset(deep, '[', 10000);
    memset(deep + 10000, ']', 10000);
    assert_int_equal(parse_code(deep, sizeof(deep)), API_FAULT_BAD_JSON);
}

static void a_fault_names_the_way_to_its_field(void **state)
{
    struct api_fault f = {0};
    struct api_json *v =
        api_json_parse(span_of("{\"testCases\":[{\"input\":\"a\"},{\"input\":3}]}"), &f);
    struct api_json_at root = api_json_root(v);
    struct api_json_at tests = api_json_array(&root, "testCases", 10, &f);
    struct api_json_at test = api_json_item(&tests, 1);

    (void)state;
    assert_null(api_json_text(&test, "input", 10, &f).data);
    assert_int_equal(f.code, API_FAULT_BAD_TYPE);
    assert_string_equal(f.field, "testCases[1].input");
    assert_string_equal(f.text, "testCases[1].input must be a string");
    api_json_free(v);
}

static void the_first_fault_stays(void **state)
{
    struct api_fault f = {0};
    struct api_json *v = api_json_parse(span_of("{\"a\":-1,\"b\":\"long\",\"c\":[1,2]}"), &f);
    struct api_json_at root = api_json_root(v);

    (void)state;
    assert_int_equal(api_json_uint(&root, "a", 9, 5, &f), 5);
    assert_null(api_json_text(&root, "b", 2, &f).data);
    assert_string_equal(f.field, "a");
    assert_int_equal(f.code, API_FAULT_OUT_OF_RANGE);
    f = (struct api_fault){0};
    assert_null(api_json_text(&root, "b", 3, &f).data);
    assert_int_equal(f.code, API_FAULT_TOO_LONG);
    f = (struct api_fault){0};
    assert_null(api_json_array(&root, "c", 1, &f).value);
    assert_int_equal(f.code, API_FAULT_TOO_LONG);
    f = (struct api_fault){0};
    api_json_known(&root, (const char *const[]){"a", "c"}, 2, &f);
    assert_string_equal(f.field, "b");
    f = (struct api_fault){0};
    api_json_need(&root, "code", &f);
    assert_int_equal(f.code, API_FAULT_MISSING_FIELD);
    api_json_free(v);
}

static void a_null_field_counts_as_absent(void **state)
{
    struct api_fault f = {0};
    struct api_json *v = api_json_parse(span_of("{\"a\":null}"), &f);
    struct api_json_at root = api_json_root(v);

    (void)state;
    assert_int_equal(api_json_uint(&root, "a", 9, 7, &f), 7);
    assert_true(api_json_bool(&root, "a", true, &f));
    assert_int_equal(f.code, API_FAULT_NONE);
    api_json_free(v);
}

static void a_walk_sees_every_key_once(void **state)
{
    struct api_fault f = {0};
    struct api_json *v = api_json_parse(span_of("{\"x\":1,\"y\":2,\"z\":3}"), &f);
    struct api_json_at root = api_json_root(v);
    char seen[8] = "";

    (void)state;
    for (const char *k = api_json_next(&root, NULL); k; k = api_json_next(&root, k))
        seen[strlen(seen)] = *k;
    assert_string_equal(seen, "xyz");
    api_json_free(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_that_is_not_strict_json_is_refused),
        cmocka_unit_test(ten_thousand_levels_are_refused),
        cmocka_unit_test(a_fault_names_the_way_to_its_field),
        cmocka_unit_test(the_first_fault_stays),
        cmocka_unit_test(a_null_field_counts_as_absent),
        cmocka_unit_test(a_walk_sees_every_key_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
