/* SPDX-License-Identifier: MPL-2.0 */
#ifndef TESTS_API_FAKECONN_H
#define TESTS_API_FAKECONN_H
/*
 * An exchange without a connection, for tests and fuzz targets of what lives on one: it stands in
 * for api-bridge/response.c, and keeps what was answered. An exchange that is over is freed at
 * once, so that a sanitizer sees whoever still looks at it. Nothing here has a thread or a socket.
 */
#include "api-bridge/exchange.h"
#include "base/buf.h"

struct fakeconn {
    struct api_exchange *x; /* owned; NULL once it is over */
    struct buf headers;     /* of the answer, as lines */
    struct buf sent;        /* what a stream wrote */
    int status;             /* 0: nothing was answered */
    size_t queued;          /* bytes the client has not read: the test's to say */
    bool stopped;           /* the client is not read from */
    bool refuse;            /* the client leaves when it is answered */
};

/* A GET of HTTP/1.1 in `server`. */
void fakeconn_init(struct fakeconn *c, struct api_server *server);
void fakeconn_done(struct fakeconn *c);
/* A header of the request; before it is handled. */
void fakeconn_header(struct fakeconn *c, const char *name, const char *value);
/* The five that make it the opening of a WebSocket. */
void fakeconn_upgrade(struct fakeconn *c);

/* Bytes come from the client; it has read everything; it leaves; the server stops. */
void fakeconn_bytes(struct fakeconn *c, struct span bytes);
void fakeconn_drained(struct fakeconn *c);
void fakeconn_leave(struct fakeconn *c);
void fakeconn_stop(struct fakeconn *c);

/* Appends a frame as a client sends one: final, masked. */
void fakeconn_frame(struct buf *out, unsigned opcode, struct span payload);
/* Takes the next of the frames that were sent off *at (RFC 6455 section 5.2); false when there is
 * none left. Anything a server may not send is an assertion's end. */
bool fakeconn_next(struct span *at, unsigned *ret_opcode, struct span *ret_payload);
#endif
