/* SPDX-License-Identifier: MPL-2.0 */
#include "mesh/spec.h"
#include "tests/mesh/damage.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct span args[2] = {{(const uint8_t *)"-v", 2}, {(const uint8_t *)"a\0b", 3}};
static struct spec_file files[2] = {{.name = "main.py"}, {.name = "lib/x.py"}};
static struct spec_test tests_of_job[2] = {
    {.name = "first", .has_expected = true, .weight = 3, .hidden = true},
    {.name = "second", .has_args = true, .n_args = 2, .args = args, .weight = 1},
};

/* Every member of it is set, so that one that is not written cannot come back equal. */
static struct spec full_spec(void)
{
    struct spec s = {
        .head = {.tenant = "acme",
                 .language = "python",
                 .priority = 1,
                 .attempts_max = 3,
                 .backoff_ms = 500,
                 .delay_ms = 60000,
                 .retain_s = 3600,
                 .keyed = true,
                 .key = "0123456789abcde",
                 .body_hash = "fedcba987654321"},
        .n_tags = 2,
        .tags = {"course-1", "week-2"},
        .version = ">=3.9",
        .n_files = 2,
        .files = files,
        .n_args = 1,
        .args = args,
        .input = span_of("stdin"),
        .n_tests = 2,
        .tests = tests_of_job,
        .checker = {SPEC_CHECKER_FLOAT, 1e-6, 1e-9, "c", span_of("int main(){}")},
        .interactor = {SPEC_CHECKER_PROGRAM, 0.5, 0.25, "cpp", span_of("//")},
        .limits = {1, 2, 3, 4, 5, 6, 7, 8, UINT64_MAX},
        .stop_on_failure = true,
        .stream_output = true,
        .callback = "https://example.org/hook",
    };

    files[0].content = span_of("print(1)");
    files[1].content = span_of("X = 1");
    tests_of_job[0].input = span_of("1 2");
    tests_of_job[0].expected = span_of("3");
    return s;
}

static void check_decoded(const struct spec *s)
{
    assert_true(s->head.priority < LIMIT_PRIORITIES);
    assert_true(s->head.attempts_max >= 1 && s->head.attempts_max <= LIMIT_ATTEMPTS);
    assert_true(s->n_tags <= LIMIT_TAGS);
    assert_true(s->n_files >= 1 && s->n_files <= LIMIT_FILES);
    assert_true(s->n_tests <= LIMIT_TESTS);
    assert_true((unsigned)s->checker.type < SPEC_CHECKER_N);
    for (uint32_t i = 0; i < s->n_files; i++)
        assert_true(spec_name_ok(s->files[i].name));
}

static bool read_spec(struct span bytes)
{
    struct spec s;

    if (spec_decode(bytes, &s, NULL))
        return false;
    check_decoded(&s);
    spec_done(&s);
    return true;
}

static void encode_or_fail(const struct spec *s, struct buf *b)
{
    buf_init(b, LIMIT_SPEC);
    assert_int_equal(spec_encode(s, b), 0);
}

static void a_spec_comes_back_whole(void **state)
{
    struct spec in = full_spec();
    struct spec out;
    auto_buf struct buf b;
    auto_buf struct buf again;

    (void)state;
    encode_or_fail(&in, &b);
    assert_int_equal(spec_decode(buf_span(&b), &out, NULL), 0);
    assert_memory_equal(&in.head, &out.head, sizeof(in.head));
    assert_int_equal(out.n_tags, 2);
    assert_memory_equal(in.tags, out.tags, sizeof(in.tags));
    assert_string_equal(in.version, out.version);
    assert_int_equal(out.n_files, 2);
    assert_string_equal(out.files[1].name, "lib/x.py");
    assert_true(span_eq(out.files[1].content, files[1].content));
    assert_true(span_eq(out.args[0], args[0]));
    assert_true(span_eq(out.input, in.input));
    assert_int_equal(out.tests[0].weight, 3);
    assert_true(out.tests[0].hidden && out.tests[0].has_expected && !out.tests[0].has_args);
    assert_true(span_eq(out.tests[0].expected, span_of("3")));
    assert_true(span_eq(out.tests[1].args[1], args[1]));
    assert_true(out.checker.absolute == 1e-6 && out.checker.relative == 1e-9);
    assert_int_equal(out.interactor.type, SPEC_CHECKER_PROGRAM);
    assert_memory_equal(&in.limits, &out.limits, sizeof(in.limits));
    assert_true(out.stop_on_failure && out.stream_output);
    assert_string_equal(out.callback, in.callback);

    encode_or_fail(&out, &again);
    assert_true(span_eq(buf_span(&b), buf_span(&again)));
    spec_done(&out);
}

static void a_spec_cut_anywhere_is_refused(void **state)
{
    struct spec in = full_spec();
    auto_buf struct buf b;

    (void)state;
    encode_or_fail(&in, &b);
    assert_int_equal(damage_cut(buf_span(&b), read_spec), 0);
}

static void a_flipped_bit_is_refused_or_gives_a_spec_within_limits(void **state)
{
    struct spec in = full_spec();
    auto_buf struct buf b;

    (void)state;
    encode_or_fail(&in, &b);
    assert_true(damage_flip(buf_span(&b), read_spec) > b.len);
}

static void what_is_over_a_limit_is_not_written(void **state)
{
    struct spec in = full_spec();
    auto_buf struct buf b;
    auto_free uint8_t *big = own_calloc(1, LIMIT_SPEC);

    (void)state;
    buf_init(&b, 2 * LIMIT_SPEC);
    in.head.priority = LIMIT_PRIORITIES;
    assert_int_equal(spec_encode(&in, &b), -E2BIG);
    assert_int_equal(b.len, 0);

    in = full_spec();
    in.input = (struct span){big, LIMIT_SPEC};
    buf_reset(&b);
    assert_int_equal(spec_encode(&in, &b), -E2BIG);

    in = full_spec();
    in.n_args = LIMIT_ARGS + 1;
    buf_reset(&b);
    assert_int_equal(spec_encode(&in, &b), -E2BIG);
}

static void a_spec_that_names_no_good_files_is_refused(void **state)
{
    struct spec in = full_spec();
    struct err err;
    auto_buf struct buf b;

    (void)state;
    encode_or_fail(&in, &b);
    memcpy(files[1].name, "../x.py", 8);
    buf_reset(&b);
    assert_int_equal(spec_encode(&in, &b), 0);
    assert_false(read_spec(buf_span(&b)));
    memcpy(files[1].name, "main.py", 8);
    buf_reset(&b);
    assert_int_equal(spec_encode(&in, &b), 0);
    assert_int_equal(spec_decode(buf_span(&b), &in, &err), -EBADMSG);
    assert_string_equal(err.text, "files[1]: same name as files[0]");
    memcpy(files[1].name, "lib/x.py", 9);

    in = full_spec();
    in.n_files = 0;
    buf_reset(&b);
    assert_int_equal(spec_encode(&in, &b), 0);
    assert_false(read_spec(buf_span(&b)));
}

static void file_names_stay_inside_their_folder(void **state)
{
    static const char *const good[] = {"a",   "main.py", "a/b/c.h", "..a",
                                       "a..", ".hidden", "a b",     "\xc3\xa9.c"};
    static const char *const bad[] = {"",     "/a",     "a/",  "a//b", ".",    "..",   "../a",
                                      "a/..", "a/../b", "./a", "a\\b", "a\nb", "\x7f", "a/."};
    char longest[LIMIT_FILE_NAME + 2];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_true(spec_name_ok(good[i]));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(spec_name_ok(bad[i]));
    memset(longest, 'x', sizeof(longest));
    longest[LIMIT_FILE_NAME] = '\0';
    assert_true(spec_name_ok(longest));
    longest[LIMIT_FILE_NAME] = 'x';
    longest[LIMIT_FILE_NAME + 1] = '\0';
    assert_false(spec_name_ok(longest));
}

static void checkers_are_found_by_name(void **state)
{
    enum spec_checker_type t;

    (void)state;
    for (unsigned i = 0; i < SPEC_CHECKER_N; i++) {
        assert_int_equal(spec_checker_parse(spec_checker_name((enum spec_checker_type)i), &t), 0);
        assert_int_equal(t, i);
    }
    assert_int_equal(spec_checker_parse("none", &t), -EINVAL);
}

static void members_of_a_newer_peer_are_stepped_over(void **state)
{
    struct spec in = full_spec();
    auto_buf struct buf b;
    struct wire_reader r;

    (void)state;
    encode_or_fail(&in, &b);
    wire_reader_init(&r, b.data, b.len);
    assert_int_equal(wire_get_array(&r, 15), 13);
    b.data[0]++; /* one member more */
    wire_put_str(&b, "later");
    assert_true(read_spec(buf_span(&b)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_spec_comes_back_whole),
        cmocka_unit_test(a_spec_cut_anywhere_is_refused),
        cmocka_unit_test(a_flipped_bit_is_refused_or_gives_a_spec_within_limits),
        cmocka_unit_test(what_is_over_a_limit_is_not_written),
        cmocka_unit_test(a_spec_that_names_no_good_files_is_refused),
        cmocka_unit_test(file_names_stay_inside_their_folder),
        cmocka_unit_test(checkers_are_found_by_name),
        cmocka_unit_test(members_of_a_newer_peer_are_stepped_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
