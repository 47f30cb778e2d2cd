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
        " ",
        "[1",
        "[1 2]",
        "[-]",
        "[1.]",
        "[+1]",
        "[0x1]",
        "[1e999]",
        "[9223372036854775808]",
        "[-9223372036854775809]",
        "[\"\x01\"]",
        "[\"\\x\"]",
        "[\"\\u12g4\"]",
        "[\"\\ud83d\"]",
        "[\"\\ud83d\\u0041\"]",
        "[\"\\ude00\"]",
        "[\"\xc0\x80\"]",
        "[\"\xf4\x90\x80\x80\"]",
        "{\"a\":1,\"\\u0061\":2}",
        "[1]//x",
        "[/**/1]",
        "[\f1]",
        "[1]\v",
        "[1]\"",
        "[1]\"x",
        "[1][",
        "[1]t",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(parse_code(bad[i], strlen(bad[i])), API_FAULT_BAD_JSON);
    assert_int_equal(parse_code("{\"a\":\"x\0y\"}", 11), API_FAULT_BAD_JSON);
    assert_int_equal(parse_code("[1\0]", 4), API_FAULT_BAD_JSON);
    assert_int_equal(parse_code("[1]\0", 4), API_FAULT_BAD_JSON);
    assert_int_equal(parse_code("{}", 2), API_FAULT_NONE);
    assert_int_equal(parse_code("[{\"a\":\"\xe2\x82\xac\"}]", 13), API_FAULT_NONE);
}

static void what_is_strict_json_is_read_as_it_is(void **state)
{
    static const char text[] =
        " [ \"\\ud83d\\ude00\\\\ud83d\\\"\\/\\b\\f\\n\\r\\t\\u00e9\" ,\r\n\t-9223372036854775808 ,"
        "9223372036854775807,-0,1.5e3,-2.5E-1,1e-400,true,false,null,{},[],\"\"] \n";
    static const char dump[] =
        "[\"\xf0\x9f\x98\x80\\\\ud83d\\\"/\\b\\f\\n\\r\\t\xc3\xa9\",-9223372036854775808,"
        "9223372036854775807,0,1500,-0.25,0,true,false,null,{},[],\"\"]";
    auto_buf struct buf out = {.max = LIMIT_MIB};
    struct api_fault f = {0};
    struct api_json *v = api_json_parse(span_of(text), &f);
    struct api_json_at root = api_json_root(v);

    (void)state;
    assert_non_null(v);
    assert_int_equal(api_json_dump(&root, &out), 0);
    assert_true(span_eq(buf_span(&out), span_of(dump)));
    api_json_free(v);
}

static void a_thousand_members_are_found_and_none_comes_twice(void **state)
{
    auto_buf struct buf text = {.max = LIMIT_MIB};
    struct api_fault f = {0};

    (void)state;
    for (int i = 0; i < 1000; i++)
        (void)buf_printf(&text, "%c\"k%d\":[%d]", i ? ',' : '{', i, i);
    (void)buf_putc(&text, '}');
    struct api_json *v = api_json_parse(buf_span(&text), &f);
    struct api_json_at root = api_json_root(v);

    assert_int_equal(api_json_len(&root), 1000);
    for (int i = 0; i < 1000; i++) {
        char key[8];
        int64_t n = -1;

        (void)snprintf(key, sizeof(key), "k%d", i);
        struct api_json_at list = api_json_array(&root, key, 1, &f);
        struct api_json_at item = api_json_item(&list, 0);
        assert_true(api_json_as_int(&item, &n) && n == i);
    }
    assert_null(api_json_field(&root, "k1000").value);
    api_json_free(v);
    text.len--;
    (void)buf_puts(&text, ",\"k500\":1}");
    assert_int_equal(parse_code((char *)text.data, text.len), API_FAULT_BAD_JSON);
}

static void a_syntax_error_is_told_with_its_place(void **state)
{
    static const struct {
        const char *text, *where;
    } wrong[] = {
        {"{\n \"a\": tru }", "a syntax error (line 2, column 9)"},
        {"[1,\n\n\f2]", "a syntax error (line 3, column 0)"},
        {"[1]\n x", "bytes behind the value (line 2, column 1)"},
        {"[1,", "the text ends too early (line 1, column 3)"},
        {"[\"\xff\"]", "bytes that are not UTF-8 (line 1, column 2)"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct api_fault f = {0};

        assert_null(api_json_parse(span_of(wrong[i].text), &f));
        assert_non_null(strstr(f.text, wrong[i].where));
    }
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
        cmocka_unit_test(what_is_strict_json_is_read_as_it_is),
        cmocka_unit_test(a_thousand_members_are_found_and_none_comes_twice),
        cmocka_unit_test(a_syntax_error_is_told_with_its_place),
        cmocka_unit_test(ten_thousand_levels_are_refused),
        cmocka_unit_test(a_fault_names_the_way_to_its_field),
        cmocka_unit_test(the_first_fault_stays),
        cmocka_unit_test(a_null_field_counts_as_absent),
        cmocka_unit_test(a_walk_sees_every_key_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
