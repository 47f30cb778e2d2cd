/* SPDX-License-Identifier: MPL-2.0 */
#ifndef API_CROWD_H
#define API_CROWD_H
/*
 * How many connections each client address (IPv6: each /64) has open in one loop, so that one
 * address cannot take them all. Trusted proxies and networks without a rate limit are not
 * counted: behind them are many. Belongs to its loop.
 */
#include "api-bridge/address.h"
#include "base/buf.h"

struct api_crowd;

/* Networks as text of the configuration, checked before. */
struct api_crowd *api_crowd_new(const char *trusted, const char *exempt, uint64_t seed);
void api_crowd_free(struct api_crowd *c);
/* Counts a connection, and is false (and does not) when there are `max` already; 0 = any. What
 * was counted is in *ret_group, for api_crowd_leave(). */
bool api_crowd_enter(struct api_crowd *c, const struct api_address *from, uint32_t max,
                     struct api_address *ret_group);
void api_crowd_leave(struct api_crowd *c, const struct api_address *group);
/* The whole answer for one who is not let in. */
struct span api_crowd_answer(void);
#endif
