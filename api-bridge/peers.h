/* SPDX-License-Identifier: MPL-2.0 */
#ifndef API_PEERS_H
#define API_PEERS_H
/*
 * The peers that requests, or sessions, go to: a wire to each that is configured and to those that
 * they name in turn, API_PEERS_MAX in all. HELLO is said until WELCOME comes; a peer is ready from
 * then until its wire is lost. It keeps its number. Belongs to its loop's thread.
 */
#include "mesh/message.h"

#include <uv.h>

struct api_peers;

struct api_peers_events {
    void (*welcome)(void *ctx, unsigned peer, const struct message *m); /* NULL, or: it is ready */
    void (*lost)(void *ctx, unsigned peer);
    void (*message)(void *ctx, unsigned peer, const struct message *m); /* any but WELCOME */
    void (*dropped)(void *ctx, unsigned peer); /* NULL, or as in api-bridge/peer.h */
};

/* `events` is borrowed. No event comes within a call, but `dropped` within api_peers_send(). */
struct api_peers *api_peers_new(uv_loop_t *loop, const struct api_peers_events *events, void *ctx);
void api_peers_free(struct api_peers *p);
/* 0 too when it is known, is not of the form tcp://, or one is too many. */
int api_peers_add(struct api_peers *p, const char *endpoint, struct err *err);
/* Says HELLO again to who did not answer; a few times a second. */
void api_peers_tick(struct api_peers *p);
unsigned api_peers_len(const struct api_peers *p);
unsigned api_peers_up(const struct api_peers *p); /* that are ready */
bool api_peers_ready(const struct api_peers *p, unsigned peer);
/* As api_peer_send(). */
int api_peers_send(struct api_peers *p, unsigned peer, struct span frame);
#endif
