/* SPDX-License-Identifier: MPL-2.0 */
#include "api-bridge/json.h"
#include "api-bridge/openapi.h"
#include "api-bridge/route.h"

#include "base/own.h"

#include <ctype.h>
#include <setjmp.h>

#include <cmocka.h>

/* "/api/jobs/:jobId" as the document writes it: "/api/jobs/{jobId}". */
static void document_path(const char *template, char *out, size_t size)
{
    size_t n = 0;

    for (const char *p = template; *p && n + 3 < size; p++) {
        if (*p != ':') {
            out[n++] = *p;
            continue;
        }
        out[n++] = '{';
        while (p[1] && p[1] != '/' && n + 2 < size)
            out[n++] = *++p;
        out[n++] = '}';
    }
    out[n] = '\0';
}

static void document_method(enum api_method m, char out[16])
{
    (void)snprintf(out, 16, "%s", api_method_name(m));
    for (char *p = out; *p; p++)
        *p = (char)tolower((unsigned char)*p);
}

static void every_route_is_documented_and_nothing_else_is(void **state)
{
    struct api_fault f = {0};
    struct api_json *tree = api_json_parse(api_openapi_document(), &f);
    struct api_json_at root = api_json_root(tree);
    struct api_json_at paths = api_json_object(&root, "paths", &f);
    size_t documented = 0;

    (void)state;
    assert_non_null(tree);
    for (size_t i = 0; i < API_ROUTE_N; i++) {
        char path[128], method[16];
        struct api_json_at at;

        document_path(api_routes[i].template, path, sizeof(path));
        document_method(api_routes[i].method, method);
        at = api_json_field(&paths, path);
        if (!at.value || !api_json_field(&at, method).value)
            fail_msg("%s %s is not in the document", method, path);
    }
    for (const char *k = api_json_next(&paths, NULL); k; k = api_json_next(&paths, k)) {
        struct api_json_at path = api_json_field(&paths, k);

        for (enum api_method m = 0; m < API_METHOD_N; m++) {
            char method[16];

            document_method(m, method);
            documented += api_json_field(&path, method).value != NULL;
        }
    }
    assert_int_equal(documented, API_ROUTE_N);
    api_json_free(tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_route_is_documented_and_nothing_else_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
