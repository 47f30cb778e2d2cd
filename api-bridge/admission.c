/* SPDX-License-Identifier: MPL-2.0 */
#include "api-bridge/admission.h"

#include "api-bridge/config.h"
#include "api-bridge/server.h"

enum { RETRY_S = 5 }; /* of one who is to come back when others have left */

bool api_admits(struct api_exchange *x, struct api_quota *quota, const struct api_quota_key *key,
                const char *what)
{
    const struct api_server *s = x->server;
    struct api_fault f = {.retry_after_s = RETRY_S};
    const char *whose = NULL;

    if (s->stopping)
        api_fault_set(&f, API_FAULT_DRAINING, NULL);
    else if (s->n_streams >= s->config->streams_max)
        api_fault_set(&f, API_FAULT_UNAVAILABLE, "too many streams are open");
    else
        whose = api_quota_take(quota, key);
    if (whose)
        api_fault_set(&f, API_FAULT_RATE_LIMITED, "too many %s are open for this %s", what, whose);
    if (!f.code)
        return true;
    api_answer_fault(x, &f);
    return false;
}
