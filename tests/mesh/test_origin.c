/* SPDX-License-Identifier: MPL-2.0 */
#include "mesh/origin.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct spec spec_with_words(void)
{
    return (struct spec){.head = {.tenant = "acme", .language = "python", .attempts_max = 3},
                         .n_tags = 3,
                         .tags = {"course-1", "w", "last"},
                         .n_tests = 7,
                         .callback = "https://example.org/hook"};
}

/* The longest of all that may be long. */
static struct spec spec_of_limits(void)
{
    struct spec s = {.n_tags = LIMIT_TAGS};

    memset(s.callback, 'u', LIMIT_URL);
    for (uint32_t i = 0; i < LIMIT_TAGS; i++)
        memset(s.tags[i], 'a' + (int)i, LIMIT_TAG);
    return s;
}

static void check_words(const struct origin *o, const struct spec *s)
{
    assert_string_equal(origin_callback(o), s->callback);
    assert_int_equal(o->n_tags, s->n_tags);
    for (uint32_t i = 0; i < s->n_tags; i++)
        assert_string_equal(origin_tag(o, i), s->tags[i]);
}

static void an_origin_keeps_what_may_be_long_behind_it(void **state)
{
    const struct spec specs[] = {{.n_tags = 0}, spec_with_words(), spec_of_limits()};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(specs); i++) {
        auto_free struct origin *o = origin_new(&specs[i]);
        auto_free struct origin *copy = origin_copy(o);

        check_words(o, &specs[i]);
        check_words(copy, &specs[i]);
        assert_int_equal(copy->tests, specs[i].n_tests);
        assert_memory_equal(&copy->head, &specs[i].head, sizeof(copy->head));
    }
}

static void an_origin_is_read_as_it_was_written(void **state)
{
    const struct spec specs[] = {spec_with_words(), spec_of_limits()};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(specs); i++) {
        auto_free struct origin *o = origin_new(&specs[i]);
        auto_free struct origin *back = NULL;
        auto_buf struct buf b = {.max = LIMIT_MIB};
        auto_buf struct buf again = {.max = LIMIT_MIB};
        struct wire_reader w;

        o->home.b[0] = 1;
        o->spec_hash.b[1] = 2;
        o->spec_len = 300;
        o->queued_ms = -5;
        origin_put(&b, o);
        wire_reader_init(&w, b.data, b.len);
        back = origin_get(&w);
        assert_int_equal(wire_reader_end(&w), 0);
        assert_non_null(back);
        check_words(back, &specs[i]);
        assert_int_equal(back->queued_ms, -5);
        origin_put(&again, back);
        assert_true(span_eq(buf_span(&b), buf_span(&again)));
    }
}

static void an_origin_that_is_cut_is_none(void **state)
{
    const struct spec spec = spec_with_words();
    auto_free struct origin *o = origin_new(&spec);
    auto_buf struct buf b = {.max = LIMIT_MIB};

    (void)state;
    origin_put(&b, o);
    for (size_t len = 0; len < b.len; len++) {
        struct wire_reader w;

        wire_reader_init(&w, b.data, len);
        assert_null(origin_get(&w));
        assert_true(w.bad);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_origin_keeps_what_may_be_long_behind_it),
        cmocka_unit_test(an_origin_is_read_as_it_was_written),
        cmocka_unit_test(an_origin_that_is_cut_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
