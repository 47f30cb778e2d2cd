/* SPDX-License-Identifier: MPL-2.0 */
#ifndef API_ADMISSION_H
#define API_ADMISSION_H
/* Who may stay: streams and sessions that keep their connection. */
#include "api-bridge/exchange.h"
#include "api-bridge/quota.h"

/* Takes a place among the streams that are open (`what`), and in their quota, for one that is to
 * stay; or answers why there is none: false. On the loop's thread. */
bool api_admits(struct api_exchange *x, struct api_quota *quota, const struct api_quota_key *key,
                const char *what);
#endif
