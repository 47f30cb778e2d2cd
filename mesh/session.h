/* SPDX-License-Identifier: MPL-2.0 */
#ifndef MESH_SESSION_H
#define MESH_SESSION_H
/*
 * Links and the sessions on them. A link carries frames one way: each node opens its own link
 * to the other. A session is the sender's number for one link, higher than any it used
 * before; HELLO opens it and HELLO_ACK, on the other's link, confirms it. Frames of any other
 * session are dropped, so nothing arrives from before a break or a restart.
 */
#include "mesh/peer.h"

struct link;

bool session_open(const struct link *l);
uint64_t session_out(const struct link *l);
uint64_t session_link(const struct link *l);
/* Opens a link to a peer whose endpoint is known, if it is time to. */
void session_connect(struct mesh *m, struct peer *p);
void session_close(struct mesh *m, struct peer *p);
void session_start(struct mesh *m);
void session_seeds(struct mesh *m, const char *const *endpoints, uint32_t n);
/* This life is durable: those who wait to be greeted are. */
void session_greet(struct mesh *m);
void session_on_up(struct mesh *m, uint64_t link);
void session_on_down(struct mesh *m, uint64_t link);
void session_done(struct mesh *m);

void session_on_hello(struct mesh *m, const struct id *from, struct wire_reader *r);
void session_on_hello_ack(struct mesh *m, const struct id *from, struct wire_reader *r);
void session_on_refuse(struct mesh *m, const struct id *from, struct wire_reader *r);
void session_on_start(struct mesh *m, const struct id *from, struct wire_reader *r);
/* `from` votes, or asks for votes. */
void session_counts(struct mesh *m, const struct id *from);
/* True when frames of this session from `from` count. */
bool session_accepts(struct mesh *m, const struct id *from, const struct frame_head *head);
#endif
