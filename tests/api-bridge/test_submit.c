/* SPDX-License-Identifier: MPL-2.0 */
#include "api-bridge/submit.h"

#include "base/own.h"

#include <setjmp.h>

#include <cmocka.h>

static struct api_config config = {
    .code_max = 1000,
    .webhook = {.secret = "s"},
    .tests_max = 10,
    .ceiling = {.cpu_ms = 10000,
                .wall_ms = 20000,
                .memory = 1 << 30,
                .output = 1 << 20,
                .processes = 100,
                .compile_ms = 30000,
                .compile_memory = 1 << 30,
                .stack = 1 << 30,
                .file_size = 1 << 20},
};

struct read {
    struct api_json *tree;
    struct api_submission s;
    struct api_fault fault;
};

static void read_init(struct read *r, const char *text)
{
    struct api_json_at root;

    *r = (struct read){0};
    api_submission_init(&r->s);
    r->tree = api_json_parse(span_of(text), &r->fault);
    assert_non_null(r->tree);
    root = api_json_root(r->tree);
    api_submit_read(&r->s, &root, &config, &r->fault);
}

static void read_done(struct read *r)
{
    api_submission_done(&r->s);
    api_json_free(r->tree);
}

static void every_field_arrives_in_the_spec(void **state)
{
    static const char text[] =
        "{\"files\":[{\"name\":\"a/main.py\",\"content\":\"cHJpbnQoMSk=\",\"encoding\":\"base64\"},"
        "{\"name\":\"b.txt\",\"content\":\"two\"}],\"language\":\"python\",\"version\":\">=3.11\","
        "\"input\":\"in\",\"args\":[\"-x\",\"y\"],\"testCases\":[{\"name\":\"t\",\"input\":\"1\","
        "\"expectedOutput\":\"\",\"args\":[],\"weight\":3,\"hidden\":true},{}],"
        "\"checker\":{\"type\":\"float\",\"absolute\":0.5,\"relative\":1e-3},"
        "\"interactor\":{\"language\":\"c\",\"code\":\"z\"},"
        "\"limits\":{\"time\":1.5,\"wallTime\":2,\"memory\":1000,\"output\":5,\"processes\":6,"
        "\"compileTime\":7,\"compileMemory\":8,\"stack\":9,\"fileSize\":10},"
        "\"priority\":\"critical\",\"delay\":2.5,\"stopOnFailure\":true,\"tags\":[\"p\",\"q\"],"
        "\"callback\":\"https://x.example/\",\"attempts\":5,\"backoff\":0.25,\"stream\":true}";
    auto_buf struct buf encoded = {.max = LIMIT_SPEC};
    struct spec got;
    struct read r;

    (void)state;
    read_init(&r, text);
    assert_int_equal(r.fault.code, API_FAULT_NONE);
    assert_int_equal(spec_encode(&r.s.spec, &encoded), 0);
    assert_int_equal(spec_decode(buf_span(&encoded), &got, NULL), 0);
    assert_int_equal(got.n_files, 2);
    assert_string_equal(got.files[0].name, "a/main.py");
    assert_true(span_eq(got.files[0].content, span_of("print(1)")));
    assert_true(span_eq(got.files[1].content, span_of("two")));
    assert_string_equal(got.version, ">=3.11");
    assert_true(span_eq(got.input, span_of("in")));
    assert_true(span_eq(got.args[1], span_of("y")));
    assert_int_equal(got.n_tests, 2);
    assert_true(got.tests[0].has_expected && got.tests[0].hidden && got.tests[0].has_args);
    assert_int_equal(got.tests[0].weight, 3);
    assert_false(got.tests[1].has_expected || got.tests[1].has_args || got.tests[1].hidden);
    assert_int_equal(got.tests[1].weight, 1);
    assert_int_equal(got.checker.type, SPEC_CHECKER_FLOAT);
    assert_true(got.checker.absolute == 0.5 && got.checker.relative == 1e-3);
    assert_string_equal(got.interactor.language, "c");
    assert_int_equal(got.limits.cpu_ms, 1500);
    assert_int_equal(got.limits.wall_ms, 2000);
    assert_int_equal(got.limits.memory, 1000);
    assert_int_equal(got.limits.file_size, 10);
    assert_int_equal(got.head.priority, 0);
    assert_int_equal(got.head.delay_ms, 2500);
    assert_int_equal(got.head.attempts_max, 5);
    assert_int_equal(got.head.backoff_ms, 250);
    assert_int_equal(got.n_tags, 2);
    assert_string_equal(got.tags[1], "q");
    assert_true(got.stop_on_failure && got.stream_output);
    assert_string_equal(got.callback, "https://x.example/");
    spec_done(&got);
    read_done(&r);
}

static void what_is_left_out_gets_its_default(void **state)
{
    struct read r;

    (void)state;
    read_init(&r, "{\"code\":\"x\",\"language\":\"py\",\"input\":null}");
    assert_int_equal(r.fault.code, API_FAULT_NONE);
    assert_int_equal(r.s.spec.head.priority, 2);
    assert_true(r.s.spec.head.attempts_max >= 1);
    assert_int_equal(r.s.spec.checker.type, SPEC_CHECKER_LINES);
    assert_int_equal(r.s.spec.limits.cpu_ms, 0);
    assert_int_equal(r.s.spec.n_tests, 0);
    read_done(&r);
}

static void a_large_number_is_the_least_urgent_class(void **state)
{
    struct read r;

    (void)state;
    read_init(&r, "{\"code\":\"x\",\"language\":\"py\",\"priority\":10}");
    assert_int_equal(r.s.spec.head.priority, LIMIT_PRIORITIES - 1);
    read_done(&r);
}

static void a_key_names_the_job_of_its_tenant(void **state)
{
    struct read a, b;

    (void)state;
    read_init(&a, "{\"code\":\"x\",\"language\":\"py\"}");
    read_init(&b, "{\"language\":\"py\",\"code\":\"x\"}");
    api_submit_key(&a.s, "t", span_of("k"));
    api_submit_key(&b.s, "t", span_of("k"));
    assert_memory_equal(a.s.spec.head.key, b.s.spec.head.key, ID_SIZE);
    assert_memory_equal(a.s.spec.head.body_hash, b.s.spec.head.body_hash, ID_SIZE);
    api_submit_key(&b.s, "u", span_of("k"));
    assert_memory_not_equal(a.s.spec.head.key, b.s.spec.head.key, ID_SIZE);
    api_submit_key(&b.s, "t", span_of("l"));
    assert_memory_not_equal(a.s.spec.head.key, b.s.spec.head.key, ID_SIZE);
    b.s.spec.input = span_of("other");
    api_submit_key(&b.s, "t", span_of("k"));
    assert_memory_not_equal(a.s.spec.head.body_hash, b.s.spec.head.body_hash, ID_SIZE);
    read_done(&a);
    read_done(&b);
}

static void without_a_key_every_job_has_a_name_of_its_own(void **state)
{
    struct read a, b;

    (void)state;
    read_init(&a, "{\"code\":\"x\",\"language\":\"py\"}");
    read_init(&b, "{\"code\":\"x\",\"language\":\"py\"}");
    api_submit_key(&a.s, "", (struct span){0});
    api_submit_key(&b.s, "", (struct span){0});
    assert_true(a.s.spec.head.keyed);
    assert_memory_not_equal(a.s.spec.head.key, b.s.spec.head.key, ID_SIZE);
    read_done(&a);
    read_done(&b);
}

static void a_name_given_by_the_bridge_is_near_the_last_and_cannot_be_guessed(void **state)
{
    uint8_t names[32][ID_SIZE];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct read r;

        read_init(&r, "{\"code\":\"x\",\"language\":\"py\"}");
        api_submit_key(&r.s, "", (struct span){0});
        memcpy(names[i], r.s.spec.head.key, ID_SIZE);
        read_done(&r);
        for (size_t k = 0; k < i; k++)
            assert_memory_not_equal(names[i] + 10, names[k] + 10, 6);
    }
    for (size_t i = 1; i < ARRAY_LEN(names); i++)
        assert_true((uint8_t)(names[i][9] - names[i - 1][9]) == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_arrives_in_the_spec),
        cmocka_unit_test(what_is_left_out_gets_its_default),
        cmocka_unit_test(a_large_number_is_the_least_urgent_class),
        cmocka_unit_test(a_key_names_the_job_of_its_tenant),
        cmocka_unit_test(without_a_key_every_job_has_a_name_of_its_own),
        cmocka_unit_test(a_name_given_by_the_bridge_is_near_the_last_and_cannot_be_guessed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
