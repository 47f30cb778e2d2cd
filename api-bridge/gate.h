/* SPDX-License-Identifier: MPL-2.0 */
#ifndef API_GATE_H
#define API_GATE_H
/*
 * What every request passes between its headers and its body, in this order: CORS, the rate
 * limit, authentication, the route's scope. A gate returns true to let the request on; or it
 * answers (api_answer_*) and returns false. It may add headers to the answer to come
 * (api_answer_header) and fill x->who and x->req.client. x->route is NULL for a path that
 * does not exist; x->req.body is still empty. A gate never answers later.
 */
#include "api-bridge/exchange.h"

typedef bool (*api_gate)(void *ctx, struct api_exchange *x);

struct api_gate_entry {
    api_gate pass;
    void *ctx; /* shared by all loops: it locks, or is never changed */
};

enum { API_GATES_MAX = 8 };

struct api_gates {
    unsigned n;
    struct api_gate_entry at[API_GATES_MAX];
};

static inline void api_gates_add(struct api_gates *g, api_gate pass, void *ctx)
{
    if (g->n < API_GATES_MAX)
        g->at[g->n++] = (struct api_gate_entry){pass, ctx};
}
#endif
