/* SPDX-License-Identifier: MPL-2.0 */
#ifndef API_WEBSOCKET_H
#define API_WEBSOCKET_H
/*
 * A WebSocket (RFC 6455), the server's end, on an upgraded exchange: the handshake, whole
 * messages in and out, pings, and the closing handshake. No extensions. Frames are wslay's;
 * api-bridge/websocket.c is the only file that includes it. Belongs to its loop.
 *
 * What a client may make us hold is bounded: one message of `max` bytes on its way in,
 * API_STREAM_QUEUE_MAX on its way out; a client that has more than that to read is dropped.
 */
#include "api-bridge/exchange.h"

struct api_websocket;

/* Close codes of RFC 6455 section 7.4.1, and of IANA's registry. */
enum {
    API_WS_NORMAL = 1000,
    API_WS_GOING_AWAY = 1001,
    API_WS_PROTOCOL = 1002,
    API_WS_UNSUPPORTED = 1003,
    API_WS_POLICY = 1008,
    API_WS_TOO_BIG = 1009,
    API_WS_INTERNAL = 1011,
    API_WS_TRY_LATER = 1013,
};

struct api_websocket_events {
    /* A whole message; text is valid UTF-8. Borrowed for the call. */
    void (*message)(void *ctx, bool text, struct span bytes);
    /* All that was sent has left. */
    void (*drained)(void *ctx);
    /* The server stops. */
    void (*stopping)(void *ctx);
    /* The last call, and not made after api_websocket_free(): the client closed it, broke the
     * protocol (it was told), or is gone. */
    void (*gone)(void *ctx);
};

struct api_websocket_options {
    const char *protocol; /* the subprotocol; a client that offers others must offer this too */
    size_t max;           /* bytes of one message */
    const struct api_websocket_events *events;
    void *ctx;
};

/* Checks the handshake (section 4.2.1), or answers with what is wrong: then false. */
bool api_websocket_check(struct api_exchange *x, const char *protocol);
/* Answers 101 to a request that was checked. NULL: the client has just left. */
struct api_websocket *api_websocket_new(struct api_exchange *x,
                                        const struct api_websocket_options *options);
/* Ends it now unless it was closed. No event comes after. */
void api_websocket_free(struct api_websocket *w);
/* 0, or negative: it is closed, or has just been dropped and `gone` was called. */
int api_websocket_send(struct api_websocket *w, bool text, struct span head, struct span bytes);
int api_websocket_ping(struct api_websocket *w);
/* Says why (at most 123 bytes) and closes; api_websocket_free() is still due. */
void api_websocket_close(struct api_websocket *w, unsigned code, const char *reason);
/* Bytes that wait for the client. */
size_t api_websocket_queued(const struct api_websocket *w);
/* Stops reading from the client, or goes on. */
void api_websocket_read(struct api_websocket *w, bool on);
/* How many bytes came: whoever wants to know if the client lives looks if it grows. */
uint64_t api_websocket_received(const struct api_websocket *w);
/* Of one message, from now on. */
void api_websocket_max_set(struct api_websocket *w, size_t max);
#endif
