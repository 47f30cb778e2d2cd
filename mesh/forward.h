/* SPDX-License-Identifier: MPL-2.0 */
#ifndef MESH_FORWARD_H
#define MESH_FORWARD_H
/*
 * Requests about jobs this node does not answer for. They are passed to whoever should, again
 * and again while the owner changes, until there is an answer or the time is up. The one
 * asked answers, or names another to ask (ELSEWHERE); it never passes a request on itself.
 */
#include "mesh/state.h"

void forward_request(struct mesh *m, const struct asker *who, struct span frame,
                     const struct message *msg);
/* A keyed submit to `nid`, who owns the job of that key or creates it. */
void forward_submit(struct mesh *m, const struct asker *who, struct span frame,
                    const struct id *jid, const struct id *nid);
/* The answer to a request a peer passed on. */
void forward_reply(struct mesh *m, const struct asker *who, struct span frame);
/* The job moved while `w` waited here. */
void forward_moved(struct mesh *m, struct job *j, const struct wait *w);
/* This node's copy of the result is unreadable: somebody else has to answer. */
void forward_elsewhere(struct mesh *m, struct job *j, const struct asker *who);
void forward_unwatch(struct mesh *m, const struct id *jid, uint64_t client);
void forward_client_gone(struct mesh *m, uint64_t client);
/* The decision was learnt here: requests about the job are answered here. */
void forward_decided(struct mesh *m, struct job *j);
void forward_done(struct mesh *m);
uint64_t forward_len(const struct mesh *m);

void forward_on_forward(struct mesh *m, const struct id *from, struct wire_reader *r);
void forward_on_reply(struct mesh *m, const struct id *from, struct wire_reader *r);
void forward_on_unforward(struct mesh *m, const struct id *from, struct wire_reader *r);
void forward_on_elsewhere(struct mesh *m, const struct id *from, struct wire_reader *r);
#endif
