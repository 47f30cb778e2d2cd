/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SIM_CLIENT_H
#define SIM_CLIENT_H
/*
 * The clients' side of the wire: connections to hosts, requests that wait for their answers,
 * and the answers. What they want is sim/intent.h. They speak mesh/message.h, as the bridge
 * does; a connection dies with its host, or when a client breaks it.
 */
#include "base/map.h"
#include "mesh/message.h"
#include "sim/intent.h"
#include "sim/queue.h"

struct sim_host;

enum { SIM_CLIENTS_CONNECTIONS = 3 }; /* to each host */

/* A request under way. */
struct sim_ask {
    struct sim_event timeout;
    uint64_t token;
    uint64_t connection;
    uint32_t host;
    uint32_t intent; /* UINT32_MAX = nobody's: an operator's */
    enum message_type type;
    struct id jid;
};

struct sim_clients {
    struct rng rng;
    bool quiet; /* no new jobs */
    uint32_t n_intents, cap_intents;
    struct sim_intent *intents;
    uint64_t next_token;
    uint64_t next_connection;
    struct map *asks;      /* token -> struct sim_ask */
    uint64_t *connections; /* SIM_CLIENTS_CONNECTIONS by host; 0 = closed */
    uint64_t answered, refused, silent, given_up;
};

void sim_clients_init(struct sim_world *w);
void sim_clients_done(struct sim_world *w);
/* Sends `m` (its token is filled in) to a host. The answer, or the silence after `timeout_ns`,
 * goes to the intent. */
void sim_clients_ask(struct sim_world *w, struct sim_host *h, uint32_t intent, struct message *m,
                     uint64_t timeout_ns);
/* The operator says that a disk is gone for good. */
void sim_clients_forget(struct sim_world *w, const struct id *nid);
/* A frame from a host to one of its connections. */
void sim_clients_answer(struct sim_world *w, struct sim_host *h, uint64_t connection,
                        struct span frame);
/* Its connections are gone. */
void sim_clients_host_down(struct sim_world *w, struct sim_host *h);
#endif
