/* SPDX-License-Identifier: MPL-2.0 */
#include "api-bridge/request.h"
#include "api-bridge/route.h"

#include "base/own.h"

#include <errno.h>
#include <setjmp.h>

#include <cmocka.h>

static void query_values_are_decoded_and_found_once(void **state)
{
    struct api_request r = {.query = "a=1&b=x%20y+z&c&d=1&d=2&e=%00&f=%4"};
    char out[8];

    (void)state;
    assert_int_equal(api_request_query(&r, "a", out, sizeof(out)), 1);
    assert_string_equal(out, "1");
    assert_int_equal(api_request_query(&r, "b", out, sizeof(out)), 1);
    assert_string_equal(out, "x y z");
    assert_int_equal(api_request_query(&r, "c", out, sizeof(out)), 1);
    assert_string_equal(out, "");
    assert_int_equal(api_request_query(&r, "d", out, sizeof(out)), -EINVAL);
    assert_int_equal(api_request_query(&r, "e", out, sizeof(out)), -EINVAL);
    assert_int_equal(api_request_query(&r, "f", out, sizeof(out)), -EINVAL);
    assert_int_equal(api_request_query(&r, "g", out, sizeof(out)), 0);
    assert_int_equal(api_request_query(&r, "b", out, 4), -EINVAL);
}

static uint32_t seconds(const char *query, enum api_fault_code want)
{
    struct api_request r = {.query = query};
    struct api_fault f = {0};
    uint32_t ms = api_request_query_seconds(&r, "wait", 30, 7, &f);

    assert_int_equal(f.code, want);
    return ms;
}

static void a_wait_is_a_number_of_seconds_in_its_range(void **state)
{
    (void)state;
    assert_int_equal(seconds("", API_FAULT_NONE), 7);
    assert_int_equal(seconds("wait=2.5", API_FAULT_NONE), 2500);
    assert_int_equal(seconds("wait=0", API_FAULT_NONE), 0);
    assert_int_equal(seconds("wait", API_FAULT_NONE), 30000);
    assert_int_equal(seconds("wait=31", API_FAULT_OUT_OF_RANGE), 7);
    assert_int_equal(seconds("wait=-1", API_FAULT_BAD_VALUE), 7);
    assert_int_equal(seconds("wait=1e1", API_FAULT_BAD_VALUE), 7);
    assert_int_equal(seconds("wait=nan", API_FAULT_BAD_VALUE), 7);
    assert_int_equal(seconds("wait=0x1", API_FAULT_BAD_VALUE), 7);
}

static void a_name_that_is_not_known_is_told(void **state)
{
    struct api_request r = {.query = "wait=1&wiat=2"};
    struct api_fault f = {0};

    (void)state;
    api_request_query_known(&r, (const char *const[]){"wait"}, 1, &f);
    assert_int_equal(f.code, API_FAULT_UNKNOWN_FIELD);
    assert_string_equal(f.field, "wiat");
}

static const struct api_route *find(enum api_method method, const char *path, unsigned *allowed,
                                    struct api_request *r)
{
    char *copy = own_strdup(path);

    *r = (struct api_request){.method = method, .path = copy};
    return api_route_find(r, allowed);
}

static void a_path_finds_its_route_and_what_stands_for_its_names(void **state)
{
    struct api_request r;
    unsigned allowed;
    const struct api_route *route;

    (void)state;
    route = find(API_METHOD_GET, "/api/jobs/some-id", &allowed, &r);
    assert_int_equal(route->id, API_ROUTE_JOBS_GET);
    assert_true(span_eq(r.params[0], span_of("some-id")));
    free(r.path);
    route = find(API_METHOD_HEAD, "/livez", &allowed, &r);
    assert_int_equal(route->id, API_ROUTE_LIVEZ);
    free(r.path);
}

static void a_path_that_is_not_there_has_no_methods(void **state)
{
    static const char *const none[] = {"/",       "/api",    "/api/jobs/", "/api/jobs/a/b",
                                       "//livez", "/livez/", "/LIVEZ",     "/api/jobs/a/events/x"};
    struct api_request r;
    unsigned allowed;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(none); i++) {
        assert_null(find(API_METHOD_GET, none[i], &allowed, &r));
        assert_int_equal(allowed, 0);
        free(r.path);
    }
    assert_null(find(API_METHOD_PUT, "/api/jobs/a", &allowed, &r));
    assert_int_equal(allowed, 1U << API_METHOD_GET | 1U << API_METHOD_DELETE);
    free(r.path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(query_values_are_decoded_and_found_once),
        cmocka_unit_test(a_wait_is_a_number_of_seconds_in_its_range),
        cmocka_unit_test(a_name_that_is_not_known_is_told),
        cmocka_unit_test(a_path_finds_its_route_and_what_stands_for_its_names),
        cmocka_unit_test(a_path_that_is_not_there_has_no_methods),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
