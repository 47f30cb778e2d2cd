/* SPDX-License-Identifier: MPL-2.0 */
#include "api-bridge/cache.h"

#include "base/own.h"

#include <setjmp.h>

#include <cmocka.h>

static struct api_cache_key key(uint8_t number, const char *tenant)
{
    return (struct api_cache_key){.jid = {{number}}, .tenant = tenant};
}

static void what_was_put_is_there_for_its_tenant_only(void **state)
{
    struct api_cache *c = api_cache_new(1 << 20);
    struct api_cache_key a = key(1, "a"), b = key(1, "b"), all = key(1, "*"), other = key(2, "a");

    (void)state;
    api_cache_put(c, &a, span_of("answer"), 1000);
    assert_true(span_eq(api_cache_get(c, &a, 1000), span_of("answer")));
    assert_true(span_eq(api_cache_get(c, &all, 1000), span_of("answer")));
    assert_null(api_cache_get(c, &b, 1000).data);
    assert_null(api_cache_get(c, &other, 1000).data);
    a.base64 = true;
    assert_null(api_cache_get(c, &a, 1000).data);
    api_cache_free(c);
}

static void an_answer_is_forgotten_after_a_while(void **state)
{
    struct api_cache *c = api_cache_new(1 << 20);
    struct api_cache_key a = key(1, ""), b = key(2, "");

    (void)state;
    api_cache_put(c, &a, span_of("answer"), 0);
    api_cache_put(c, &b, span_of("answer"), 3000);
    assert_non_null(api_cache_get(c, &a, 3000).data);
    assert_null(api_cache_get(c, &a, 6000).data);
    assert_non_null(api_cache_get(c, &b, 6000).data);
    api_cache_free(c);
}

static void the_oldest_make_room(void **state)
{
    struct api_cache *c = api_cache_new(16384);
    uint8_t body[900] = {0};
    unsigned kept = 0;

    (void)state;
    for (uint8_t i = 0; i < 200; i++) {
        struct api_cache_key k = key(i, "");

        api_cache_put(c, &k, (struct span){body, sizeof(body)}, i);
        assert_non_null(api_cache_get(c, &k, i).data);
    }
    for (uint8_t i = 0; i < 200; i++) {
        struct api_cache_key k = key(i, "");

        kept += api_cache_get(c, &k, 200).data != NULL;
        assert_true(kept == 0 || api_cache_get(c, &k, 200).data);
    }
    assert_in_range(kept, 5, 16);
    api_cache_free(c);
}

static void no_room_keeps_nothing(void **state)
{
    struct api_cache *c = api_cache_new(0);
    struct api_cache_key a = key(1, "");

    (void)state;
    api_cache_put(c, &a, span_of("answer"), 0);
    assert_null(api_cache_get(c, &a, 0).data);
    api_cache_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_put_is_there_for_its_tenant_only),
        cmocka_unit_test(an_answer_is_forgotten_after_a_while),
        cmocka_unit_test(the_oldest_make_room),
        cmocka_unit_test(no_room_keeps_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
