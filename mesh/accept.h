/* SPDX-License-Identifier: MPL-2.0 */
#ifndef MESH_ACCEPT_H
#define MESH_ACCEPT_H
/*
 * One register: an owner's versions go out to the job's replicas (ACCEPT), come back as the
 * replica's state (OK, which is a refusal when a higher ballot was promised), and are settled
 * when a majority holds them on synced storage. The owner's own vote counts when its own
 * batch is synced, like anybody's.
 */
#include "mesh/state.h"

/* r.v was changed: makes it the next version, and sends it out when the step ends. */
void accept_propose(struct mesh *m, struct job *j);
/* This node's record changed otherwise (cancel, decided): replicas are to know. */
void accept_spread(struct mesh *m, struct job *j);
/* After a start: the job was decided before. The others most likely have what was decided, and are
 * told of it by and by, so that a disk with many jobs does not fall upon them; one that lacks the
 * result says so. */
void accept_resume(struct mesh *m, struct job *j);
/* `nid` is up again: it is told what it missed, of what is decided by and by. */
void accept_again(struct mesh *m, struct job *j, const struct id *nid);
/* True when a majority holds the current version. */
bool accept_settled(const struct mesh *m, const struct job *j);
/* True when that replica is known not to hold this record. */
bool accept_replica_behind(const struct job *j, const struct replica *p);
bool accept_behind(const struct job *j, const struct id *nid);
/* True when every replica, this node too, holds exactly this record. */
bool accept_everywhere(const struct mesh *m, const struct job *j);
/* Replicas of the current sets, keeping what is known of each. */
void accept_replicas(struct mesh *m, struct job *j);
/* Adds those of `v`. */
void accept_replicas_of(struct mesh *m, struct job *j, const struct value *v);
struct replica *accept_replica(struct job *j, const struct id *nid);
/* Sends to replicas that are behind and due. */
void accept_push(struct mesh *m, struct job *j);
uint64_t accept_next(const struct mesh *m, const struct job *j);
/* Sends the record to one node, with the blob that goes with it when `with_blob`. */
void accept_send(struct mesh *m, struct job *j, const struct id *to, bool with_blob);

/* Frames. */
void accept_on_accept(struct mesh *m, const struct id *from, struct wire_reader *r);
void accept_on_ok(struct mesh *m, const struct id *from, struct wire_reader *r);
/* Tells `to` the state of the record here, once what it says is durable. */
void accept_reply(struct mesh *m, struct job *j, const struct id *to, uint32_t need);

/* Joins what somebody sent into the job; the consequences follow. -EPROTO ends the node. */
int accept_join(struct mesh *m, struct job *j, const struct record *src);
/* True, and the end of this node, when the two hold different decisions. */
bool accept_conflict(struct mesh *m, const struct record *a, const struct record *b);
/* A majority of what `v` names, without those an operator has declared gone. */
bool accept_quorum(const struct mesh *m, const struct value *v, record_has_fn *has,
                   const void *ctx);
/* The same for promises: what is lost for good is not asked when the others know it all. */
bool accept_quorum_prepare(const struct mesh *m, const struct value *v, record_has_fn *has,
                           const void *ctx);
#endif
