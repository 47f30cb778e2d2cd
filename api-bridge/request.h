/* SPDX-License-Identifier: MPL-2.0 */
#ifndef API_REQUEST_H
#define API_REQUEST_H
/*
 * One HTTP request as it was read. All its spans point into its own memory and live as long
 * as the exchange (api-bridge/exchange.h) it belongs to; a stream gives headers and body back
 * early, see api_request_trim(). The path is decoded once and can hold no NUL, no empty, "."
 * or ".." segment; the query is kept as it came. Nothing here does I/O.
 */
#include "api-bridge/http.h"
#include "base/buf.h"

enum {
    API_HEADERS_MAX = 64,
    API_HEAD_MAX = 16 * LIMIT_KIB, /* request line and headers */
    API_PATH_MAX = 1024,
    API_PARAMS_MAX = 4,
    API_ADDRESS_MAX = 46, /* INET6_ADDRSTRLEN */
    API_REQUEST_ID_MAX = 64,
    API_HEADERS_STEP = 16, /* headers that room is made for at a time */
    API_KEY_MAX = 256,     /* bytes of an Idempotency-Key */
};

struct api_header {
    struct span name;
    struct span value; /* without white space around it */
};

struct api_request {
    enum api_method method;
    uint8_t minor;         /* HTTP/1.minor */
    bool keep_alive;       /* the client wants the connection kept */
    bool upgrade;          /* Connection: upgrade was asked */
    bool expects_continue; /* Expect: 100-continue */
    bool chunked;
    bool has_length;
    uint64_t length;    /* Content-Length, when has_length */
    char *path;         /* decoded, NUL terminated; owned */
    const char *query;  /* after '?', raw; "" when there is none; in `path`'s memory */
    struct span target; /* as it came */
    unsigned n_headers;
    unsigned cap_headers;
    struct api_header *headers;         /* owned */
    struct buf head;                    /* the bytes the spans point into */
    struct buf body;                    /* complete when the handler is called */
    struct span params[API_PARAMS_MAX]; /* what stood for :name in the route's template */
    const char *peer;                   /* the socket's other end; the connection's own */
    char client[API_ADDRESS_MAX];       /* the same, or what a trusted proxy said */
    bool tls;
    char id[API_REQUEST_ID_MAX + 1]; /* X-Request-Id: the client's if it is sane, else ours */
    uint64_t began_ns;               /* when its first byte came */
};

void api_request_init(struct api_request *r);
void api_request_done(struct api_request *r);
/* Back to a fresh one that keeps the memory a small request needs. */
void api_request_recycle(struct api_request *r);
/* Frees headers and body; path, query, params, client and id stay. */
void api_request_trim(struct api_request *r);

/* Its name is this one, in any case. */
bool api_header_is(const struct api_header *h, const char *name);
/* The value of the first header of that name (any case); data NULL when there is none. */
struct span api_request_header(const struct api_request *r, const char *name);
/* How many headers of that name there are. */
unsigned api_request_headers(const struct api_request *r, const char *name);

/* Its value, or -1. */
int api_hex_digit(uint8_t c);
/*
 * The decoded value of a query parameter, NUL terminated in out[size]. 1 when it was there,
 * 0 when not, -EINVAL when it is there twice, does not fit, has a bad escape or a NUL.
 */
int api_request_query(const struct api_request *r, const char *name, char *out, size_t size);
/* A number of seconds in the query, 0..max, as ms; `fallback` when it is not there. */
uint32_t api_request_query_seconds(const struct api_request *r, const char *name, uint32_t max_s,
                                   uint32_t fallback_ms, struct api_fault *f);
/* "true", "1" or nothing behind the name is true; `fallback` when it is not there. */
bool api_request_query_flag(const struct api_request *r, const char *name, bool fallback,
                            struct api_fault *f);
/* Finds a name that is not among `known`, so that a typing error is not silently ignored. */
void api_request_query_known(const struct api_request *r, const char *const *known, size_t n,
                             struct api_fault *f);
/* The Idempotency-Key; empty when there is none. One that is empty or too long is a fault. */
struct span api_request_key(const struct api_request *r, struct api_fault *f);
/* True when the content type of the body is JSON, or is not given. */
bool api_request_is_json(const struct api_request *r);
/* Percent-decodes `in` into out[size] and ends it with a NUL; the length, or -EINVAL. */
int api_request_unescape(struct span in, bool plus_is_space, char *out, size_t size);
#endif
