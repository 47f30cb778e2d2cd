/* SPDX-License-Identifier: MPL-2.0 */
/* GET /api/stats: the sum over the mesh, and each node. */
#include "api-bridge/link.h"
#include "api-bridge/route.h"
#include "api-bridge/server.h"
#include "api-bridge/view.h"
#include "base/own.h"

struct stats {
    struct api_exchange *x;
    uint64_t number;
};

static void on_gone(struct api_exchange *x)
{
    struct stats *s = x->state;

    api_link_forget(api_exchange_link(x), s->number);
    free(s);
}

static void put_jobs(struct api_json_writer *w, const struct message_stats *s)
{
    static const char *const classes[LIMIT_PRIORITIES] = {"critical", "high", "normal", "low"};

    api_json_open(w, "jobs", '{');
    for (enum message_state k = 0; k < MESSAGE_STATE_N; k++)
        api_json_put_uint(w, message_state_name(k), s->jobs[k]);
    api_json_close(w, '}');
    api_json_open(w, "waiting", '{');
    for (size_t i = 0; i < LIMIT_PRIORITIES; i++)
        api_json_put_uint(w, classes[i], s->waiting[i]);
    api_json_close(w, '}');
    api_json_put_seconds(w, "oldestWaiting", s->oldest_waiting_ms * 1000);
}

static void put_latency(struct api_json_writer *w, const char *key, const uint64_t us[4])
{
    static const char *const names[4] = {"p50", "p90", "p99", "max"};

    api_json_open(w, key, '{');
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        api_json_put_seconds(w, names[i], us[i]);
    api_json_close(w, '}');
}

static void put_totals(struct api_json_writer *w, const struct message_stats *s)
{
    api_json_open(w, "totals", '{');
#define X(name) api_json_put_uint(w, #name, s->name);
    MESSAGE_COUNTERS(X)
#undef X
    api_json_close(w, '}');
    api_json_open(w, "verdicts", '{');
    for (enum result_verdict v = 0; v < RESULT_SKIPPED; v++)
        api_json_put_uint(w, result_verdict_name(v), s->verdicts[v]);
    api_json_close(w, '}');
}

static void put_stats(struct api_json_writer *w, const struct message_stats *s)
{
    put_jobs(w, s);
    api_json_open(w, "slots", '{');
    api_json_put_uint(w, "total", s->slots);
    api_json_put_uint(w, "busy", s->slots_busy);
    api_json_close(w, '}');
    api_json_put_uint(w, "underReplicated", s->under_replicated);
    put_totals(w, s);
    put_latency(w, "queueTime", s->wait_us);
    put_latency(w, "totalTime", s->total_us);
    api_json_put_uint(w, "perMinute", s->per_minute);
    api_json_open(w, "store", '{');
    api_json_put_uint(w, "bytes", s->store_bytes);
    api_json_put_uint(w, "max", s->store_bytes_max);
    api_json_close(w, '}');
    api_json_put_str(w, "isolation", s->isolation);
    api_view_time(w, "asOf", s->as_of_ms);
}

static void put_all(struct api_json_writer *w, const struct message *m)
{
    char id[ID_TEXT_SIZE];

    api_json_open(w, NULL, '{');
    if (m->stats.n > 0) {
        put_stats(w, &m->stats.nodes[0]);
        api_json_put_uint(w, "nodesKnown", m->stats.nodes[0].nodes_known);
        api_json_put_uint(w, "nodesMissing", m->stats.nodes[0].nodes_missing);
    }
    api_json_open(w, "nodes", '[');
    for (uint32_t i = 1; i < m->stats.n; i++) {
        api_json_open(w, NULL, '{');
        api_json_put_str(w, "id", id_format(&m->stats.nodes[i].nid, id));
        api_json_put_str(w, "name", m->stats.nodes[i].name);
        put_stats(w, &m->stats.nodes[i]);
        api_json_close(w, '}');
    }
    api_json_close(w, ']');
    api_json_close(w, '}');
}

static void on_stats(void *ctx, const struct message *m, const struct api_fault *f)
{
    struct stats *s = ctx;
    struct api_exchange *x = s->x;
    struct api_json_writer w;

    free(s);
    if (f) {
        api_answer_fault(x, f);
    } else {
        api_json_writer_init(&w, &x->body);
        put_all(&w, m);
        api_answer(x, 200, NULL);
    }
}

void api_stats_handle(struct api_exchange *x)
{
    struct stats *s = own_calloc(1, sizeof(*s));
    struct message m = {.type = MESSAGE_STATS};

    s->x = x;
    x->state = s;
    x->on_gone = on_gone;
    s->number = api_link_ask(api_exchange_link(x), &m, 0, on_stats, s);
    if (s->number)
        return;
    free(s);
    api_answer_code(x, API_FAULT_BUSY);
}
