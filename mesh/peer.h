/* SPDX-License-Identifier: MPL-2.0 */
#ifndef MESH_PEER_H
#define MESH_PEER_H
/*
 * The other nodes: what is remembered of each, and the messages on their way to it. All that
 * one step says to a peer on a lane leaves in one frame (two, when some of it waits for the
 * disk). Who is up is mesh/member.h's to say; links and sessions are mesh/session.h's.
 */
#include "mesh/frame.h"
#include "mesh/state.h"

struct link;

struct peer {
    struct id nid;
    uint32_t number;     /* of those before it */
    struct link *link;   /* NULL: none */
    uint64_t session_in; /* of its link to us, the newest */
    struct life known;   /* of that session; `generation`: the most its disk has told us it holds */
    struct life kept;    /* what is stored of it */
    uint32_t version;    /* of the frames that both read */
    bool refused;        /* it came back with less than it had: nothing it says counts */
    uint64_t refused_boot;
    bool remember; /* what is stored of it is out of date */
    bool counted;  /* it voted, and what is stored of its life is older than that */
    bool acked;    /* it has confirmed this life of ours */
    uint64_t counted_ns;
    uint64_t stored_ns;
    uint64_t waiting_ns; /* since when messages wait for a session */
    uint64_t connect_ns; /* not before this time again */
    uint32_t connect_tries;
    uint64_t listed_ns;   /* when it was last told which languages are here */
    struct buf out[2][2]; /* by lane, by enum effect_when */
};

struct peer *peer_get(const struct mesh *m, const struct id *nid);
struct peer *peer_add(struct mesh *m, const struct id *nid);

/* A message of type `t` to `nid`: put its fields into what is returned. `blob` is the size of
 * what it carries. It goes nowhere when there is no way to that node. */
struct buf *peer_open(struct mesh *m, const struct id *nid, enum frame_type t, size_t blob);
/* Sends what can be sent; the end of every step. */
void peers_flush(struct mesh *m);

bool peer_up(const struct mesh *m, const struct id *nid);
/* It is up, and as far as is known here not leaving. */
bool peer_stays(const struct mesh *m, const struct id *nid);
bool peer_forgotten(const struct mesh *m, const struct id *nid);
bool peer_replaced(const struct mesh *m, const struct id *nid);
/* Its copies do not come back: left, replaced, forgotten. */
bool peer_gone(const struct mesh *m, const struct id *nid);
bool peer_takes_copies(const struct mesh *m, const struct member *c);
const char *peer_name(const struct mesh *m, const struct id *nid);

/* What this node says of itself, again. */
void peers_set_meta(struct mesh *m);
void peers_new(struct mesh *m);
void peers_start(struct mesh *m);
/* What is stored of it is out of date. */
void peer_remember(struct mesh *m, struct peer *p);
/* Its vote counts: what is known of its life is to be stored (mesh/life.c). */
void peer_count(struct mesh *m, struct peer *p);
/* Those of peer_count(), until `stay` says no. */
void peers_counted(struct mesh *m, bool (*stay)(struct mesh *m, struct peer *p));
/* Stores what is remembered of them, when something is stored anyway. */
void peers_remember(struct mesh *m);
/* What the failure detector found out since. */
void peers_outputs(struct mesh *m);
void peers_done(struct mesh *m);
void peer_load(struct mesh *m, struct span key, struct span bytes);

/* For clients. The arrays are the caller's to free. */
char (*peer_client_endpoints(const struct mesh *m, uint32_t *ret_n))[LIMIT_ENDPOINT + 1];
struct message_node *peer_nodes(const struct mesh *m, uint32_t *ret_n);
void peer_forget_request(struct mesh *m, const struct asker *who, const struct id *nid);

void peer_on_swim(struct mesh *m, const struct id *from, struct wire_reader *r);
#endif
