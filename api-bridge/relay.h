/* SPDX-License-Identifier: MPL-2.0 */
#ifndef API_RELAY_H
#define API_RELAY_H
/*
 * The bridge's side of sessions (mesh/message.h): finds a peer that takes one, and then passes
 * its messages on, in order, until either end closes it or is lost. It has wires of its own, so
 * that no flood of a program's output stands before an answer to a request; they are opened
 * with the first session. One relay per loop, in its thread.
 *
 * A session stays with the peer that took it: what that peer runs is nowhere else.
 */
#include "api-bridge/http.h"
#include "mesh/message.h"

#include <uv.h>

struct api_config;
struct api_relay;
struct api_talk; /* one session */

struct api_talk_events {
    /* SESSION_OPENED, then whatever the peer says. SESSION_CLOSED is the last. */
    void (*message)(void *ctx, const struct message *m);
    /* Instead: no peer takes it, or (`lost`) the one that did is lost. The last call. */
    void (*failed)(void *ctx, const struct api_fault *f, bool lost);
};

struct api_relay *api_relay_new(uv_loop_t *loop, const struct api_config *config);
void api_relay_free(struct api_relay *r);
/* Four times a second. */
void api_relay_tick(struct api_relay *r);

/* Sends `open` (a SESSION_OPEN; read during the call) to one peer after the other until one takes
 * it. NULL when it cannot be encoded. No event comes within the call. */
struct api_talk *api_talk_new(struct api_relay *r, struct message *open,
                              const struct api_talk_events *events, void *ctx);
/* Closes it, if it is not over. May be called from an event. */
void api_talk_free(struct api_talk *t);
/* To the peer, once it is opened. When the wire is full, or down, its sessions are lost: `failed`
 * comes with the next tick. */
void api_talk_send(struct api_talk *t, struct message *m);
#endif
