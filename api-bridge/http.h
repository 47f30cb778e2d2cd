/* SPDX-License-Identifier: MPL-2.0 */
#ifndef API_HTTP_H
#define API_HTTP_H
/*
 * The words of HTTP that the bridge speaks: methods, and the faults it can answer with, each
 * with its status and its code in `{"error": {"code", "message", "field"?, "jobId"?}}`. Nothing
 * here does I/O.
 */
#include "base/id.h"
#include "base/limits.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#define API_METHODS(X) X(GET) X(HEAD) X(POST) X(PUT) X(PATCH) X(DELETE) X(OPTIONS)

enum api_method {
#define X(id) API_METHOD_##id,
    API_METHODS(X)
#undef X
        API_METHOD_N
};
const char *api_method_name(enum api_method m);

/* X(id, status, code in the API, what it says when nothing better is known) */
#define API_FAULTS(X)                                                                              \
    X(NONE, 200, "none", "")                                                                       \
    X(BAD_REQUEST, 400, "bad_request", "the request is not valid HTTP")                            \
    X(BAD_JSON, 400, "invalid_json", "the body is not valid JSON")                                 \
    X(MISSING_FIELD, 400, "missing_field", "a required field is missing")                          \
    X(UNKNOWN_FIELD, 400, "unknown_field", "there is no such field")                               \
    X(BAD_TYPE, 400, "invalid_type", "the field has the wrong type")                               \
    X(BAD_VALUE, 400, "invalid_value", "the field has a value that is not allowed")                \
    X(TOO_LONG, 400, "too_long", "the field is longer than allowed")                               \
    X(OUT_OF_RANGE, 400, "out_of_range", "the field is outside its range")                         \
    X(UNAUTHORIZED, 401, "unauthorized", "a valid token is needed")                                \
    X(FORBIDDEN, 403, "forbidden", "the token does not allow this")                                \
    X(NOT_FOUND, 404, "not_found", "there is no such resource")                                    \
    X(JOB_NOT_FOUND, 404, "job_not_found", "there is no such job")                                 \
    X(METHOD_NOT_ALLOWED, 405, "method_not_allowed", "the resource does not have this method")     \
    X(SLOW_REQUEST, 408, "request_timeout", "the request did not arrive in time")                  \
    X(KEY_REUSED, 422, "idempotency_key_reused", "the key was used for another request")           \
    X(NOT_CANCELLABLE, 409, "already_finished", "the job has already finished")                    \
    X(LENGTH_REQUIRED, 411, "length_required", "the request needs a Content-Length")               \
    X(TOO_LARGE, 413, "payload_too_large", "the body is larger than allowed")                      \
    X(URI_TOO_LONG, 414, "uri_too_long", "the request target is longer than allowed")              \
    X(MEDIA_TYPE, 415, "unsupported_media_type", "the body must be application/json")              \
    X(EXPECTATION, 417, "expectation_failed", "only 100-continue is known")                        \
    X(UPGRADE_REQUIRED, 426, "upgrade_required", "the resource is a WebSocket")                    \
    X(RATE_LIMITED, 429, "rate_limited", "too many requests")                                      \
    X(QUEUE_FULL, 429, "queue_full", "the queue is full")                                          \
    X(CONNECTIONS, 429, "too_many_connections", "too many connections from this address")          \
    X(HEADERS_TOO_LARGE, 431, "headers_too_large", "the request's headers are too large")          \
    X(INTERNAL, 500, "internal_error", "something went wrong in the server")                       \
    X(NOT_IMPLEMENTED, 501, "not_implemented", "the server does not know this method")             \
    X(UNAVAILABLE, 503, "unavailable", "no node can be reached")                                   \
    X(BUSY, 503, "unavailable", "too many requests are under way")                                 \
    X(DRAINING, 503, "draining", "the server is stopping")                                         \
    X(NO_QUORUM, 503, "no_quorum", "too few nodes to keep the job safe")                           \
    X(DISK_FULL, 503, "storage_full", "the store is nearly full")                                  \
    X(OUTCOME_UNKNOWN, 503, "outcome_unknown", "repeat with the same Idempotency-Key")             \
    X(NO_CAPACITY, 503, "no_capacity", "no node can run this")                                     \
    X(HTTP_VERSION, 505, "http_version", "only HTTP/1.0 and HTTP/1.1 are spoken")

enum api_fault_code {
#define X(id, status, code, text) API_FAULT_##id,
    API_FAULTS(X)
#undef X
        API_FAULT_N
};

enum { API_FIELD_MAX = 160 };

/* An answer that is an error. Zeroed, it is none; the first one set stays, so that a reader
 * may read a whole body and look once. */
struct api_fault {
    enum api_fault_code code;
    char field[API_FIELD_MAX]; /* "testCases[3].input"; "" = none */
    char text[LIMIT_TEXT + 1];
    uint32_t retry_after_s; /* 0 = no Retry-After */
    struct id jid;          /* of the job there may be (OUTCOME_UNKNOWN); zero = none */
};

/* Sets it unless one is set already. `fmt` NULL: the text of the table. */
void api_fault_set(struct api_fault *f, enum api_fault_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The same with the field's name. */
void api_fault_field(struct api_fault *f, enum api_fault_code code, const char *field,
                     const char *fmt, ...) __attribute__((format(printf, 4, 5)));
int api_fault_status(enum api_fault_code code);
const char *api_fault_word(enum api_fault_code code);
/* The same request may be answered later (429, 503). */
bool api_fault_passes(enum api_fault_code code);
/* Every status there is, 499 (the client left) only in logs and metrics; 500 is last. */
#define API_STATUSES(X)                                                                            \
    X(100, "Continue")                                                                             \
    X(101, "Switching Protocols")                                                                  \
    X(200, "OK")                                                                                   \
    X(201, "Created")                                                                              \
    X(202, "Accepted")                                                                             \
    X(204, "No Content")                                                                           \
    X(207, "Multi-Status")                                                                         \
    X(304, "Not Modified")                                                                         \
    X(400, "Bad Request")                                                                          \
    X(401, "Unauthorized")                                                                         \
    X(403, "Forbidden")                                                                            \
    X(404, "Not Found")                                                                            \
    X(405, "Method Not Allowed")                                                                   \
    X(406, "Not Acceptable")                                                                       \
    X(408, "Request Timeout")                                                                      \
    X(409, "Conflict")                                                                             \
    X(411, "Length Required")                                                                      \
    X(413, "Content Too Large")                                                                    \
    X(414, "URI Too Long")                                                                         \
    X(415, "Unsupported Media Type")                                                               \
    X(417, "Expectation Failed")                                                                   \
    X(422, "Unprocessable Content")                                                                \
    X(426, "Upgrade Required")                                                                     \
    X(429, "Too Many Requests")                                                                    \
    X(431, "Request Header Fields Too Large")                                                      \
    X(499, "Client Closed Request")                                                                \
    X(501, "Not Implemented")                                                                      \
    X(502, "Bad Gateway")                                                                          \
    X(503, "Service Unavailable")                                                                  \
    X(504, "Gateway Timeout")                                                                      \
    X(505, "HTTP Version Not Supported")                                                           \
    X(500, "Internal Server Error")

/* "404 Not Found" */
const char *api_status_line(int status);

/* What a token may allow; a route names the one it needs. */
#define API_SCOPES(X)                                                                              \
    X(SUBMIT, "submit")                                                                            \
    X(READ, "read")                                                                                \
    X(CANCEL, "cancel")                                                                            \
    X(ADMIN, "admin")

enum api_scope {
    API_SCOPE_NONE = 0, /* open to everybody, without a token */
#define X(id, name) API_SCOPE_BIT_##id,
    API_SCOPES(X)
#undef X
#define X(id, name) API_SCOPE_##id = 1 << API_SCOPE_BIT_##id,
        API_SCOPES(X)
#undef X
    /* Either: its tickets open streams and sessions. */
    API_SCOPE_FOLLOW = API_SCOPE_READ | API_SCOPE_SUBMIT,
    API_SCOPE_ALL = API_SCOPE_SUBMIT | API_SCOPE_READ | API_SCOPE_CANCEL | API_SCOPE_ADMIN
};

/* Who asks, as the authentication gate found. */
struct api_principal {
    bool authenticated;
    char tenant[LIMIT_NAME + 1]; /* "" = the anonymous tenant, "*" sees all */
    char subject[LIMIT_NAME + 1];
    unsigned scopes;     /* of enum api_scope */
    uint64_t token_hash; /* names the token in rate limits; 0 = none */
};
#endif
