/* SPDX-License-Identifier: MPL-2.0 */
#ifndef API_QUOTA_H
#define API_QUOTA_H
/*
 * How many things (connections, sessions) are open at a time: in all, by one address (IPv6: a /64)
 * and by one token. Shared by all loops; any thread.
 */
#include "api-bridge/address.h"

struct api_quota;

struct api_quota_limits {
    uint32_t total, address, token; /* 0 = no limit */
};

/* Whose; given back as it was taken. */
struct api_quota_key {
    struct api_address group;
    uint64_t token; /* 0 = none */
};

struct api_quota *api_quota_new(const struct api_quota_limits *limits, uint64_t seed);
void api_quota_free(struct api_quota *q);
/* New limits, while in use. */
void api_quota_limits_set(struct api_quota *q, const struct api_quota_limits *limits);
/* `token` is a hash, 0 = none. */
struct api_quota_key api_quota_key(const struct api_address *from, uint64_t token);
/* NULL, or whose limit is reached: "server", "address" or "token"; nothing is taken then. */
const char *api_quota_take(struct api_quota *q, const struct api_quota_key *key);
void api_quota_give(struct api_quota *q, const struct api_quota_key *key);
#endif
