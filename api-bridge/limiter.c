/* SPDX-License-Identifier: MPL-2.0 */
#include "api-bridge/limiter.h"

#include "api-bridge/rate.h"
#include "api-bridge/route.h"
#include "base/clock.h"
#include "base/own.h"

enum { LIMITER_KEYS = 65536, LIMITER_PERIOD_MS = 60000 };

struct api_limiter {
    struct api_rate *addresses;
    struct api_rate *tokens;
    struct api_nets trusted;
    struct api_nets exempt;
};

struct api_limiter *api_limiter_new(const struct api_limiter_options *options)
{
    struct api_limiter *l = own_calloc(1, sizeof(*l));

    l->addresses =
        api_rate_new(options->per_minute, LIMITER_PERIOD_MS, LIMITER_KEYS, options->seed);
    l->tokens =
        api_rate_new(options->token_per_minute, LIMITER_PERIOD_MS, LIMITER_KEYS, ~options->seed);
    l->trusted = options->trusted;
    l->exempt = options->exempt;
    return l;
}

void api_limiter_free(struct api_limiter *l)
{
    if (!l)
        return;
    api_rate_free(l->addresses);
    api_rate_free(l->tokens);
    free(l);
}

void api_limiter_set(struct api_limiter *l, uint32_t per_minute, uint32_t token_per_minute)
{
    api_rate_limit_set(l->addresses, per_minute);
    api_rate_limit_set(l->tokens, token_per_minute);
}

bool api_limiter_exempts(const struct api_limiter *l, const struct api_address *peer)
{
    return api_nets_has(&l->trusted, peer) || api_nets_has(&l->exempt, peer);
}

static void limiter_header(struct api_exchange *x, const char *name, uint32_t value)
{
    char text[16];

    (void)snprintf(text, sizeof(text), "%u", value);
    api_answer_header(x, name, text);
}

static void limiter_headers(struct api_exchange *x, const struct api_rate_answer *a)
{
    limiter_header(x, "RateLimit-Limit", a->limit);
    limiter_header(x, "RateLimit-Remaining", a->remaining);
    limiter_header(x, "RateLimit-Reset", a->reset_s);
}

static bool limiter_refuse(struct api_exchange *x, const struct api_rate_answer *a,
                           const char *whose)
{
    struct api_fault fault = {.retry_after_s = a->retry_after_s};

    api_fault_set(&fault, API_FAULT_RATE_LIMITED, "more than %u requests a minute from this %s",
                  a->limit, whose);
    api_answer_fault(x, &fault);
    return false;
}

/* Writes the client's address to req.client; false when the peer's own is not readable. */
static bool limiter_client(const struct api_limiter *l, struct api_exchange *x,
                           struct api_address *ret_client)
{
    const struct api_request *r = &x->req;
    bool more = true;

    if (api_address_parse(r->peer, ret_client) < 0)
        return false;
    for (unsigned i = r->n_headers; i-- > 0 && more;) {
        if (api_header_is(&r->headers[i], "X-Forwarded-For"))
            more = api_address_behind(ret_client, r->headers[i].value, &l->trusted);
    }
    (void)api_address_format(ret_client, x->req.client);
    return true;
}

static bool limiter_counts(const struct api_exchange *x)
{
    return !x->route || x->route->scope != API_SCOPE_NONE;
}

bool api_limiter_address_pass(void *limiter, struct api_exchange *x)
{
    struct api_limiter *l = limiter;
    struct api_address client;

    /* Nothing to count and nobody to look behind: the address is the socket's. */
    if (api_rate_is_off(l->addresses) && !api_request_header(&x->req, "X-Forwarded-For").data)
        return true;
    if (!limiter_client(l, x, &client) || !limiter_counts(x) || api_nets_has(&l->exempt, &client))
        return true;

    struct api_address group = api_address_group(&client);
    struct api_rate_answer a =
        api_rate_take(l->addresses, group.b, sizeof(group.b), clock_mono_ns());
    if (a.limit == 0)
        return true;
    limiter_headers(x, &a);
    return a.allowed ? true : limiter_refuse(x, &a, "address");
}

bool api_limiter_token_pass(void *limiter, struct api_exchange *x)
{
    struct api_limiter *l = limiter;

    if (!x->who.token_hash || !limiter_counts(x))
        return true;

    struct api_rate_answer a =
        api_rate_take(l->tokens, &x->who.token_hash, sizeof(x->who.token_hash), clock_mono_ns());
    return a.allowed ? true : limiter_refuse(x, &a, "token");
}
