/* SPDX-License-Identifier: MPL-2.0 */
#ifndef API_ROUTE_H
#define API_ROUTE_H
/*
 * The calls of the REST API, one row each: the router, the metrics' labels, the OpenAPI
 * document and the tests all read this table. A segment ":name" of a template stands for one
 * non-empty path segment, and its text is in req.params in order. HEAD is answered by GET's
 * handler without the body; OPTIONS by the CORS gate.
 *
 * X(id, method, template, handler, scope, cap of the body)
 */
#include "api-bridge/exchange.h"

/* Classes of body sizes; the configuration sets their bytes. */
enum api_body {
    API_BODY_NONE,   /* a body is refused, unless it is empty */
    API_BODY_SMALL,  /* 64 KiB */
    API_BODY_SUBMIT, /* ARENA_HTTP_BODY_MAX */
    API_BODY_BATCH,  /* ARENA_HTTP_BATCH_MAX */
    API_BODY_N
};

#define API_ROUTES(X)                                                                              \
    X(LIVEZ, GET, "/livez", api_health_live, NONE, NONE)                                           \
    X(READYZ, GET, "/readyz", api_health_ready, NONE, NONE)                                        \
    X(HEALTH, GET, "/health", api_health_all, NONE, NONE)                                          \
    X(METRICS, GET, "/metrics", api_metrics_handle, NONE, NONE)                                    \
    X(EXECUTE, POST, "/api/execute", api_execute_handle, SUBMIT, SUBMIT)                           \
    X(JOBS_GET, GET, "/api/jobs/:jobId", api_jobs_get, READ, NONE)                                 \
    X(JOBS_DELETE, DELETE, "/api/jobs/:jobId", api_jobs_delete, CANCEL, NONE)                      \
    X(JOBS_EVENTS, GET, "/api/jobs/:jobId/events", api_stream_job, READ, NONE)                     \
    X(EVENTS, GET, "/api/events", api_stream_jobs, READ, NONE)                                     \
    X(BATCH, POST, "/api/batch", api_batch_handle, SUBMIT, BATCH)                                  \
    X(JOBS_LIST, GET, "/api/jobs", api_jobs_list, READ, NONE)                                      \
    X(STREAM_TICKET, POST, "/api/stream-ticket", api_ticket_handle, FOLLOW, NONE)                  \
    X(STATS, GET, "/api/stats", api_stats_handle, READ, NONE)                                      \
    X(LANGUAGES, GET, "/api/languages", api_languages_handle, READ, NONE)                          \
    X(PISTON_EXECUTE, POST, "/api/v2/execute", api_piston_execute, SUBMIT, SUBMIT)                 \
    X(PISTON_RUNTIMES, GET, "/api/v2/runtimes", api_piston_runtimes, READ, NONE)                   \
    X(JUDGE0_CREATE, POST, "/submissions", api_judge0_create, SUBMIT, SUBMIT)                      \
    X(JUDGE0_LIST, GET, "/submissions", api_judge0_list, READ, NONE)                               \
    X(JUDGE0_CREATE_BATCH, POST, "/submissions/batch", api_judge0_create_batch, SUBMIT, SUBMIT)    \
    X(JUDGE0_GET_BATCH, GET, "/submissions/batch", api_judge0_get_batch, READ, NONE)               \
    X(JUDGE0_GET, GET, "/submissions/:token", api_judge0_get, READ, NONE)                          \
    X(JUDGE0_DELETE, DELETE, "/submissions/:token", api_judge0_delete, CANCEL, NONE)               \
    X(JUDGE0_LANGUAGES, GET, "/languages", api_judge0_languages_list, READ, NONE)                  \
    X(JUDGE0_LANGUAGES_ALL, GET, "/languages/all", api_judge0_languages_all, READ, NONE)           \
    X(JUDGE0_LANGUAGE, GET, "/languages/:id", api_judge0_language_get, READ, NONE)                 \
    X(JUDGE0_STATUSES, GET, "/statuses", api_judge0_statuses_list, READ, NONE)                     \
    X(JUDGE0_ABOUT, GET, "/about", api_judge0_about, NONE, NONE)                                   \
    X(JUDGE0_VERSION, GET, "/version", api_judge0_version, NONE, NONE)                             \
    X(JUDGE0_CONFIG, GET, "/config_info", api_judge0_config, READ, NONE)                           \
    X(JUDGE0_SYSTEM, GET, "/system_info", api_judge0_system, READ, NONE)                           \
    X(SESSIONS, GET, "/api/sessions", api_session_handle, SUBMIT, NONE)                            \
    X(OPENAPI, GET, "/api/openapi.json", api_openapi_handle, NONE, NONE)

enum api_route_id {
#define X(id, method, template, handler, scope, body) API_ROUTE_##id,
    API_ROUTES(X)
#undef X
        API_ROUTE_N
};

struct api_route {
    enum api_route_id id;
    enum api_method method;
    const char *template;
    void (*handle)(struct api_exchange *x);
    enum api_scope scope;
    enum api_body body;
};

/* How its clients expect an error. */
enum api_form { API_FORM_OWN, API_FORM_PISTON, API_FORM_JUDGE0 };
/* `r` NULL: of a path that is none. */
enum api_form api_route_form(const struct api_route *r);

extern const struct api_route api_routes[API_ROUTE_N];

/* The handlers of the table. */
#define X(id, method, template, handler, scope, body) void handler(struct api_exchange *x);
API_ROUTES(X)
#undef X

/*
 * Finds the route of a decoded path and fills req.params. NULL when there is none; then
 * *ret_allowed has a bit per enum api_method the path does have (0: no such path at all).
 */
const struct api_route *api_route_find(struct api_request *req, unsigned *ret_allowed);
#endif
