/* SPDX-License-Identifier: MPL-2.0 */
#include "api-bridge/cors.h"

#include "base/own.h"

enum { CORS_ORIGIN_MAX = 256 };

struct api_cors {
    char *origins;
};

struct api_cors *api_cors_new(const char *origins)
{
    struct api_cors *c = own_calloc(1, sizeof(*c));

    c->origins = own_strdup(origins);
    return c;
}

void api_cors_free(struct api_cors *c)
{
    if (!c)
        return;
    free(c->origins);
    free(c);
}

static bool cors_allows(const struct api_cors *c, struct span origin)
{
    const char *at = c->origins;

    while (*at) {
        size_t skip = strspn(at, ", \t");
        size_t len = strcspn(at + skip, ", \t");
        struct span one = {(const uint8_t *)at + skip, len};

        if (len && (span_eq(one, span_of("*")) || span_eq(one, origin)))
            return true;
        at += skip + len;
    }
    return false;
}

/* No browser asks first before it opens a WebSocket, nor hides what comes through it from the
 * page (RFC 6455 section 10.2): a page that may not read answers is refused here. */
static bool refuse_upgrade(struct api_exchange *x)
{
    struct api_fault f = {0};

    if (!x->req.upgrade)
        return false;
    api_fault_set(&f, API_FAULT_FORBIDDEN, "pages of this origin may not open a WebSocket here");
    api_answer_fault(x, &f);
    return true;
}

bool api_cors_pass(void *cors, struct api_exchange *x)
{
    const struct api_cors *c = cors;
    struct span origin = api_request_header(&x->req, "Origin");
    bool preflight = x->req.method == API_METHOD_OPTIONS &&
                     api_request_header(&x->req, "Access-Control-Request-Method").data;
    char name[CORS_ORIGIN_MAX];

    if (c->origins[0])
        api_answer_header(x, "Vary", "Origin");
    if (!origin.data)
        return true;
    if (origin.len >= sizeof(name) || !cors_allows(c, origin))
        return !refuse_upgrade(x);
    memcpy(name, origin.data, origin.len);
    name[origin.len] = '\0';
    api_answer_header(x, "Access-Control-Allow-Origin", name);
    if (!preflight) {
        api_answer_header(x, "Access-Control-Expose-Headers",
                          "Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, "
                          "X-Request-Id, Location");
        return true;
    }
    api_answer_header(x, "Access-Control-Allow-Methods", "GET, POST, DELETE");
    api_answer_header(x, "Access-Control-Allow-Headers",
                      "Authorization, Content-Type, Idempotency-Key, Last-Event-ID, X-Auth-Token, "
                      "X-Request-Id");
    api_answer_header(x, "Access-Control-Max-Age", "600");
    api_answer(x, 204, NULL);
    return false;
}
