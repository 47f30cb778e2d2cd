/* SPDX-License-Identifier: MPL-2.0 */
#ifndef API_PEER_H
#define API_PEER_H
/*
 * A wire to one peer of the mesh: a ZeroMQ DEALER in a libuv loop, a part a frame, CURVE
 * when the cluster has a key. A frame may be lost: nothing is sent again here. It reconnects
 * by itself and tells when the wire is up or down. Belongs to its loop's thread.
 * api-bridge/peer.c is the only file that includes ZeroMQ.
 */
#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"

#include <uv.h>

struct api_peer;

struct api_peer_events {
    void (*up)(void *ctx);
    void (*down)(void *ctx);
    void (*frame)(void *ctx, struct span frame); /* borrowed for the call */
    /* NULL, or: frames of this turn found no room and are lost. May come within
     * api_peer_send(). */
    void (*dropped)(void *ctx);
};

/* Once, before loops. `key_file` "" = no encryption. */
int api_peer_library_init(const char *key_file, struct err *err);
/* After the loops. */
void api_peer_library_done(void);

/* Starts to connect; `events` is borrowed until the free. */
struct api_peer *api_peer_new(uv_loop_t *loop, const char *endpoint,
                              const struct api_peer_events *events, void *ctx, struct err *err);
/* No event comes after this; the memory goes when the loop has closed the handles. */
void api_peer_free(struct api_peer *p);
/* Leaves at the end of the loop's turn, or is dropped then. 0, or -EAGAIN when the wire is down. */
int api_peer_send(struct api_peer *p, struct span frame);
#endif
