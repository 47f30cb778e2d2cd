/* SPDX-License-Identifier: MPL-2.0 */
#include <jansson.h>

#include "api-bridge/json.h"

#include "base/own.h"
#include "base/rng.h"

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

/* The same text, read and written by us, is to jansson what it was. */
static void same_as_jansson(struct span text)
{
    auto_buf struct buf out = {.max = 1 << 16};
    struct api_fault f = {0};
    struct api_json *ours = api_json_parse(text, &f);
    json_t *theirs = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
    struct api_json_at root = api_json_root(ours);
    json_t *again;

    if (!ours != !theirs)
        fail_msg("%s: %.*s", ours ? "taken" : f.text, (int)text.len, (const char *)text.data);
    if (ours) {
        assert_int_equal(api_json_dump(&root, &out), 0);
        again = json_loadb((const char *)out.data, out.len, JSON_REJECT_DUPLICATES, NULL);
        assert_true(json_equal(again, theirs));
        json_decref(again);
    }
    json_decref(theirs);
    api_json_free(ours);
}

/* Changes, removes or adds a few bytes. */
static size_t mutate(struct rng *rng, uint8_t *text, size_t len)
{
    static const char letters[] = "{}[]\",:\\/ubnt0123456789aEe+-. \n\t\x01\x7f\xc3\xa9\xed\xa0";

    for (uint64_t n = 1 + rng_below(rng, 3); n > 0 && len > 1; n--) {
        size_t at = (size_t)rng_below(rng, len);
        uint8_t c = (uint8_t)letters[rng_below(rng, sizeof(letters) - 1)];
        uint64_t what = rng_below(rng, 3);

        if (what == 0) {
            memmove(text + at, text + at + 1, --len - at);
            continue;
        }
        if (what == 1) {
            memmove(text + at + 1, text + at, len - at);
            len++;
        }
        text[at] = c;
    }
    return len;
}

static void what_another_parser_makes_of_it_is_what_ours_makes(void **state)
{
    static const char *const texts[] = {
        "{\"language\": \"python\", \"code\": \"print(1)\\n\", \"delay\": 3600, \"tags\": []}",
        "[0, -1, 12.5, 1e3, -2.5E-2, 9223372036854775807, -9223372036854775808, true, false, null]",
        "{\"a\": {\"b\": [{\"c\": \"\\u00e9\\ud83d\\ude00\\\\\\/\\\"\"}, "
        "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"]}}",
        "{\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":5,\"f\":6,\"g\":7,\"h\":8,\"i\":9,\"j\":10,\"k\":"
        "11,"
        "\"l\":12,\"m\":13,\"n\":14,\"o\":15,\"p\":16,\"q\":17,\"r\":18}",
        " \t\r\n[ [ ] , { } , \"\" ]\n",
    };
    struct rng rng;

    (void)state;
    rng_init(&rng, 20261123);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        size_t len = strlen(texts[i]);

        same_as_jansson(span_of(texts[i]));
        for (int n = 0; n < 8000; n++) {
            uint8_t text[512];

            memcpy(text, texts[i], len);
            same_as_jansson((struct span){text, mutate(&rng, text, len)});
        }
    }
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
        cmocka_unit_test(what_another_parser_makes_of_it_is_what_ours_makes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
