/* SPDX-License-Identifier: MPL-2.0 */
#ifndef API_CONN_H
#define API_CONN_H
/*
 * One client's connection: bytes in, requests to their handlers, answers out, in order, with
 * a deadline for everything the client may delay. Owned by its loop; freed when libuv has
 * closed it. Handlers see only the exchange.
 */
#include "api-bridge/exchange.h"
#include "api-bridge/quota.h"

#include <uv.h>

/* What the connection waits for; each class has one time limit, so a list per class is in
 * order of deadlines and the sweep looks only at its front. */
#define API_CONN_CLASSES(X)                                                                        \
    X(OPEN) /* no limit: a handler or a stream is at work */                                       \
    X(HANDSHAKE)                                                                                   \
    X(HEADER)                                                                                      \
    X(BODY)                                                                                        \
    X(KEEP_ALIVE)                                                                                  \
    X(WRITE)                                                                                       \
    X(LINGER)

enum api_conn_class {
#define X(id) API_CONN_CLASS_##id,
    API_CONN_CLASSES(X)
#undef X
        API_CONN_CLASS_N
};

struct api_conn_list {
    struct api_conn *first;
    struct api_conn *last;
};

/* Of a stream's socket: the kernel's own tuning reaches megabytes. */
enum { API_CONN_SNDBUF = 128 * LIMIT_KIB };

enum api_conn_state {
    CONN_IDLE,
    CONN_HEAD,
    CONN_BODY,
    CONN_WAIT,
    CONN_STREAM,
    CONN_UPGRADED,
    CONN_LINGER,
    CONN_CLOSED,
};

struct api_conn {
    uv_tcp_t tcp;
    struct api_server *server;
    struct api_parser *parser;
    struct api_exchange *x; /* the request at hand; NULL while idle */
    struct api_tls_conn *tls;
    enum api_conn_state state;
    enum api_conn_class class;
    uint64_t deadline_ms;
    struct api_conn *prev, *next;
    struct buf later;
    struct buf answer;
    size_t queued;
    char peer[API_ADDRESS_MAX]; /* its address */
    bool answered;              /* `answer` is complete */
    bool last;                  /* close after this answer */
    bool eof;                   /* the client will send no more */
    bool reading;
    bool running;              /* run() is on the stack */
    bool shutting;             /* our side was shut down */
    bool served;               /* at least one answer left */
    struct api_quota *counted; /* where it has a place, by `key`; NULL = nowhere */
    struct api_quota_key key;
};

/* Takes a connection from the listener. */
void api_conn_accept(struct api_server *s);
/* Ends what has passed its deadline. */
void api_conn_sweep(struct api_server *s);
/* The server stops: idle connections close, others after their answer. */
void api_conn_stop_all(struct api_server *s);
/* Closes every connection now. */
void api_conn_close_all(struct api_server *s);

/* Sends or queues bytes; on failure the connection is closed and the result is negative. */
int api_conn_write(struct api_conn *c, const struct span *spans, unsigned n);
/* Ends it now; a handler that is at work hears of it. */
void api_conn_close(struct api_conn *c);
/* Ends it when all is sent and the client has had time to read it. */
void api_conn_linger(struct api_conn *c);
/* Starts the time limit of a class. */
void api_conn_expect(struct api_conn *c, enum api_conn_class class);
void api_conn_read(struct api_conn *c);
void api_conn_pause(struct api_conn *c);
void api_conn_drop_exchange(struct api_conn *c);

/* api-bridge/dialog.c: bytes have come; all bytes have left; the request cannot go on; it is not
 * let in. */
void api_dialog_run(struct api_conn *c, struct span in);
void api_dialog_drained(struct api_conn *c);
void api_dialog_bad(struct api_conn *c, const struct api_fault *f);
void api_dialog_refuse(struct api_conn *c, const struct api_fault *f);

/* For api-bridge/response.c: the answer's bytes, borrowed. Sent at once, or when the request has
 * been read to its end. */
void api_conn_answer(struct api_conn *c, struct span bytes);
/* The head of a stream; then api_conn_write() until api_conn_finish(). */
int api_conn_stream(struct api_conn *c, struct span head, bool upgrade);
void api_conn_finish(struct api_conn *c);
/* True when this answer is the connection's last. */
bool api_conn_closes(const struct api_conn *c);
#endif
