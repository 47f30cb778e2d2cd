/* SPDX-License-Identifier: MPL-2.0 */
#ifndef API_LIMITER_H
#define API_LIMITER_H
/*
 * Two gates. The first finds the client behind the trusted proxies, writes it to req.client
 * and limits requests an address (IPv6: a /64); the second, after authentication, limits
 * requests a token. Both answer 429 with Retry-After; the first sets the RateLimit-* headers of
 * the IETF draft (draft-ietf-httpapi-ratelimit-headers-03). Routes without a scope (probes,
 * documents) are not limited; a path that does not exist is.
 */
#include "api-bridge/address.h"
#include "api-bridge/exchange.h"

struct api_limiter;

struct api_limiter_options {
    uint32_t per_minute;       /* an address; 0 = no limit */
    uint32_t token_per_minute; /* a token; 0 = no limit */
    struct api_nets trusted;   /* proxies whose X-Forwarded-For counts */
    struct api_nets exempt;    /* clients that are never limited */
    uint64_t seed;
};

struct api_limiter *api_limiter_new(const struct api_limiter_options *options);
void api_limiter_free(struct api_limiter *l);
/* Who is never limited: behind a trusted proxy are many, and the exempt are to be left alone. */
bool api_limiter_exempts(const struct api_limiter *l, const struct api_address *peer);
/* New limits, while in use. */
void api_limiter_set(struct api_limiter *l, uint32_t per_minute, uint32_t token_per_minute);
/* api_gates; `limiter` is a struct api_limiter. */
bool api_limiter_address_pass(void *limiter, struct api_exchange *x);
bool api_limiter_token_pass(void *limiter, struct api_exchange *x);
#endif
