/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Three probes: /livez says that the loop turns; /readyz that a job would be taken now, so that
 * a load balancer may send requests: every loop has a peer and knows the languages, the server is
 * not stopping, and a node says that the mesh is whole enough to keep a job. The next is asked
 * when one does not, as it is for a job (api-bridge/link.c). /health is answered at once, with
 * what is known here and what the last /readyz found.
 */
#include "api-bridge/link.h"
#include "api-bridge/route.h"
#include "api-bridge/server.h"
#include "api-bridge/writer.h"
#include "base/own.h"

struct ready {
    struct api_exchange *x;
    uint64_t number; /* of the question under way */
};

void api_health_live(struct api_exchange *x)
{
    (void)buf_puts(&x->body, "{\"status\":\"ok\"}");
    api_answer(x, 200, NULL);
}

/* Why nothing can be taken, as far as it is known here; NONE when nothing is known against it. */
static enum api_fault_code unready_here(const struct api_server *s)
{
    if (s->stopping)
        return API_FAULT_DRAINING;
    if (!api_server_all_serve(s))
        return API_FAULT_UNAVAILABLE;
    return API_FAULT_NONE;
}

static void answer_health(struct api_exchange *x, enum api_fault_code why, const char *bad,
                          int status)
{
    struct api_json_writer w;

    api_json_writer_init(&w, &x->body);
    api_json_open(&w, NULL, '{');
    api_json_put_str(&w, "status", why ? bad : "ok");
    api_json_put_bool(&w, "ready", why == API_FAULT_NONE);
    if (why)
        api_json_put_str(&w, "reason", api_fault_word(why));
    api_json_put_uint(&w, "peers", api_link_peers(x->server->link));
    api_json_put_uint(&w, "peersUp", api_link_peers_up(x->server->link));
    api_json_put_bool(&w, "stopping", x->server->stopping);
    api_json_close(&w, '}');
    api_answer(x, status, NULL);
}

static void answer_ready(struct api_exchange *x, enum api_fault_code why)
{
    x->server->unready = why;
    answer_health(x, why, "unavailable", why ? 503 : 200);
}

static void on_gone(struct api_exchange *x)
{
    struct ready *r = x->state;

    api_link_forget(api_exchange_link(x), r->number);
    free(r);
}

static void on_said(void *ctx, const struct message *m, const struct api_fault *f)
{
    struct ready *r = ctx;
    struct api_exchange *x = r->x;
    enum api_fault_code why = unready_here(x->server);

    free(r);
    (void)m;
    if (!why && f)
        why = f->code;
    answer_ready(x, why);
}

void api_health_ready(struct api_exchange *x)
{
    struct message m = {.type = MESSAGE_READY};
    enum api_fault_code why = unready_here(x->server);
    struct ready *r;

    if (why) {
        answer_ready(x, why);
        return;
    }
    r = own_calloc(1, sizeof(*r));
    r->x = x;
    x->state = r;
    x->on_gone = on_gone;
    r->number = api_link_ask(api_exchange_link(x), &m, 0, on_said, r);
    if (r->number)
        return;
    free(r);
    answer_ready(x, API_FAULT_BUSY);
}

/* Liveness: 200 as long as it can answer at all; the body tells the rest. */
void api_health_all(struct api_exchange *x)
{
    enum api_fault_code why = unready_here(x->server);

    answer_health(x, why ? why : x->server->unready, "degraded", 200);
}
