/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Three probes: /livez says that the loop turns; /readyz that a peer answers, that its
 * languages are known and that the server is not stopping, so that a load balancer may send
 * requests; /health says both in one body.
 */
#include "api-bridge/languages.h"
#include "api-bridge/link.h"
#include "api-bridge/route.h"
#include "api-bridge/server.h"
#include "api-bridge/writer.h"

void api_health_live(struct api_exchange *x)
{
    (void)buf_puts(&x->body, "{\"status\":\"ok\"}");
    api_answer(x, 200, NULL);
}

static bool is_ready(const struct api_exchange *x)
{
    return api_link_peers_up(x->server->link) > 0 && !x->server->stopping &&
           api_languages_len(x->server->languages) > 0;
}

static void answer_health(struct api_exchange *x, const char *bad, int status)
{
    struct api_json_writer w;

    api_json_writer_init(&w, &x->body);
    api_json_open(&w, NULL, '{');
    api_json_put_str(&w, "status", is_ready(x) ? "ok" : bad);
    api_json_put_bool(&w, "ready", is_ready(x));
    api_json_put_uint(&w, "peers", api_link_peers(x->server->link));
    api_json_put_uint(&w, "peersUp", api_link_peers_up(x->server->link));
    api_json_put_bool(&w, "stopping", x->server->stopping);
    api_json_close(&w, '}');
    api_answer(x, status, NULL);
}

void api_health_ready(struct api_exchange *x)
{
    answer_health(x, "unavailable", is_ready(x) ? 200 : 503);
}

/* Liveness: 200 as long as it can answer at all; the body tells the rest. */
void api_health_all(struct api_exchange *x)
{
    answer_health(x, "degraded", 200);
}
