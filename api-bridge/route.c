/* SPDX-License-Identifier: MPL-2.0 */
#include "api-bridge/route.h"

#include "base/own.h"

const struct api_route api_routes[API_ROUTE_N] = {
#define X(id, method, template, handler, scope, body)                                              \
    {API_ROUTE_##id, API_METHOD_##method, template, handler, API_SCOPE_##scope, API_BODY_##body},
    API_ROUTES(X)
#undef X
};

enum api_form api_route_form(const struct api_route *r)
{
    if (!r)
        return API_FORM_OWN;
    if (r->id == API_ROUTE_PISTON_EXECUTE || r->id == API_ROUTE_PISTON_RUNTIMES)
        return API_FORM_PISTON;
    return r->id >= API_ROUTE_JUDGE0_CREATE && r->id <= API_ROUTE_JUDGE0_SYSTEM ? API_FORM_JUDGE0
                                                                                : API_FORM_OWN;
}

/* The segment that starts at *at ("/..."), which is moved behind it. */
static struct span next_segment(const char **at)
{
    const char *from = *at + 1;
    size_t len = strcspn(from, "/");

    *at = from + len;
    return (struct span){(const uint8_t *)from, len};
}

/* True when the path fits; ":name" segments go to params. */
static bool fits(const char *template, const char *path, struct span params[API_PARAMS_MAX])
{
    unsigned n = 0;

    while (*template == '/' && *path == '/') {
        struct span want = next_segment(&template), got = next_segment(&path);

        if (want.len > 0 && want.data[0] == ':' && n < API_PARAMS_MAX && got.len > 0)
            params[n++] = got;
        else if (!span_eq(want, got))
            return false;
    }
    return *template == '\0' && *path == '\0';
}

/* The same up to the template's first ":": most routes are ruled out by their first letters. */
static bool begins(const char *template, const char *path)
{
    while (*template && *template != ':' && *template == *path) {
        template ++;
        path++;
    }
    return *template == *path || *template == ':';
}

const struct api_route *api_route_find(struct api_request *req, unsigned *ret_allowed)
{
    enum api_method method = req->method == API_METHOD_HEAD ? API_METHOD_GET : req->method;

    *ret_allowed = 0;
    for (size_t i = 0; i < API_ROUTE_N; i++) {
        struct span params[API_PARAMS_MAX];

        if (!begins(api_routes[i].template, req->path))
            continue;
        memset(params, 0, sizeof(params));
        if (!fits(api_routes[i].template, req->path, params))
            continue;
        *ret_allowed |= 1U << api_routes[i].method;
        if (api_routes[i].method != method)
            continue;
        memcpy(req->params, params, sizeof(params));
        return &api_routes[i];
    }
    return NULL;
}
