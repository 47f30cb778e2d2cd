/* SPDX-License-Identifier: MPL-2.0 */
#ifndef API_EXCHANGE_H
#define API_EXCHANGE_H
/*
 * One request and its answer: what every handler gets.
 *
 *     void api_thing_handle(struct api_exchange *x)
 *
 * is called in the loop that owns the connection, when the whole request has been read and
 * the gates (api-bridge/gate.h) let it pass. It answers exactly once, now or later, with
 * api_answer(), api_answer_fault(), or a stream. A handler that answers later keeps what it
 * needs in `state` and sets `on_gone`: that is called when the client leaves first, and then
 * the handler must drop every reference to `x` and never answer. After the answer (or the
 * stream's end) `x` is gone and on_gone is not called.
 *
 * Everything here belongs to one loop's thread. Nothing is shared between loops.
 */
#include "api-bridge/request.h"

struct api_conn;
struct api_route;
struct api_server;
struct api_link;
struct api_config;

struct api_exchange {
    struct api_request req;
    struct api_principal who;
    struct api_server *server; /* the loop it lives in */
    const struct api_route *route;
    void *state; /* the handler's own */
    void (*on_gone)(struct api_exchange *x);
    /* Upgraded connections only: bytes from the client, borrowed. */
    void (*on_bytes)(struct api_exchange *x, struct span bytes);
    /* Streams only: all that was written has left the queue. */
    void (*on_drained)(struct api_exchange *x);
    /* The server stops: a wait should answer what it has, a stream say good-bye. */
    void (*on_stop)(struct api_exchange *x);
    bool patient; /* a wait of many seconds: a half-closed connection counts as gone */

    /* The answer, while it is being made. */
    struct buf headers; /* extra lines, each with its CRLF */
    struct buf body;    /* write the answer's body here */
    int status;
    enum api_fault_code fault; /* what the access log says was wrong */

    struct api_conn *conn; /* api-bridge/conn.c only */
};

enum {
    API_ANSWER_MAX = 64 * LIMIT_MIB,        /* of one answer's body */
    API_STREAM_QUEUE_MAX = 256 * LIMIT_KIB, /* behind what a slow client has not read */
};

/* The loop's own things. */
struct api_link *api_exchange_link(const struct api_exchange *x);
const struct api_config *api_exchange_config(const struct api_exchange *x);

/* Adds a header line to the answer to come; name and value must be clean (no CR, LF, NUL). */
void api_answer_header(struct api_exchange *x, const char *name, const char *value);
/* Adds Retry-After, when the fault has a time. */
void api_answer_retry(struct api_exchange *x, const struct api_fault *f);
/* Sends x->body with this status; `type` NULL is application/json. */
void api_answer(struct api_exchange *x, int status, const char *type);
/* Sends bytes that live as long as the program (a page, a document). */
void api_answer_static(struct api_exchange *x, int status, const char *type, struct span body);
/* Sends {"error": {...}} with its status, and Retry-After when there is one. */
void api_answer_fault(struct api_exchange *x, const struct api_fault *f);
/* The same for a bare code. */
void api_answer_code(struct api_exchange *x, enum api_fault_code code);

/* 404, or 405 with Allow when the path has other methods (bits of enum api_method). */
void api_answer_missing(struct api_exchange *x, unsigned allowed);

/* Starts an answer without a known length (chunked, or to the end of the connection). 0, or
 * negative when the client has just left: on_gone has been called, and x is no more. */
int api_stream_start(struct api_exchange *x, const char *type);
/* 0, or negative when the client left or reads too slowly (-ENOBUFS): the connection is then
 * closed, on_gone has been called, and x is no more. */
int api_stream_write(struct api_exchange *x, struct span bytes);
/* Bytes that wait for the client. */
size_t api_stream_queued(const struct api_exchange *x);
/* Closes the connection now, as if the client had left: on_gone is called. */
void api_stream_drop(struct api_exchange *x);
/* The end of the answer; x is gone. */
void api_stream_end(struct api_exchange *x);

/* Answers 101 with x's headers (Upgrade among them); from now on bytes go to x->on_bytes and
 * api_stream_write(). Fails as api_stream_start() does. */
int api_upgrade_accept(struct api_exchange *x);
/* Stops reading from the client, so that it has to wait, or goes on. While it is stopped a
 * client that leaves is noticed only when it is written to. */
void api_upgrade_read(struct api_exchange *x, bool on);
#endif
