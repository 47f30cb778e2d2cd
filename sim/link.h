/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SIM_LINK_H
#define SIM_LINK_H
/*
 * The network. A link goes one way, from the host that opened it to the host that listens at
 * an endpoint, and has two lanes.
 *
 *   ZeroMQ mode   each lane is FIFO; a reset loses a suffix of what is in flight, the sender
 *                 believes it sent; a full lane drops; a blocked path holds frames back until
 *                 it opens or the connection times out
 *   hostile mode  besides, frames are lost, doubled and reordered one by one
 *
 *   CONNECTING --reachable--> UP --reset, timeout, peer gone--> DOWN (LINK_DOWN, forgotten)
 *
 * A path (from, to) is blocked by a partition or a clog; each block is counted, so they nest.
 */
#include "base/id.h"
#include "base/map.h"
#include "mesh/mesh.h"
#include "sim/queue.h"

struct sim_host;

enum { SIM_LANES = 2 };
enum sim_link_state { SIM_LINK_CONNECTING, SIM_LINK_UP, SIM_LINK_DOWN };

struct sim_lane {
    uint64_t due_ns; /* of the last frame sent */
    uint64_t sent;   /* frames so far */
    uint64_t cut;    /* after a reset: later ones are lost */
    uint32_t in_flight;
    struct sim_event *stuck_first, *stuck_last; /* behind a blocked path */
};

struct sim_link {
    uint32_t refs;
    uint64_t number;
    uint32_t from, to; /* hosts; to = n_hosts: nobody listens at the endpoint */
    uint32_t from_life, to_life;
    struct id from_nid;
    enum sim_link_state state;
    bool expiring; /* a timeout is under way */
    struct sim_lane lanes[SIM_LANES];
};

struct sim_net {
    uint32_t n_hosts;
    uint8_t *blocked;   /* n_hosts x n_hosts, [from * n_hosts + to] */
    struct map **links; /* by host: number -> struct sim_link */
    struct rng rng;
    uint64_t blocked_ns; /* when a path was last blocked */
    uint64_t frames;
    uint64_t lost;
};

void sim_net_init(struct sim_world *w);
void sim_net_done(struct sim_world *w);
void sim_net_connect(struct sim_world *w, struct sim_host *h, uint64_t number,
                     const char *endpoint);
void sim_net_disconnect(struct sim_world *w, struct sim_host *h, uint64_t number);
void sim_net_send(struct sim_world *w, struct sim_host *h, const struct mesh_effect *fx);
/* Breaks every link of `h` in both directions: it died. */
void sim_net_host_down(struct sim_world *w, struct sim_host *h, bool silent);
/* Breaks every link between two hosts, one way. */
void sim_net_reset(struct sim_world *w, uint32_t from, uint32_t to);
void sim_net_block(struct sim_world *w, uint32_t from, uint32_t to);
void sim_net_unblock(struct sim_world *w, uint32_t from, uint32_t to);
/* Opens every path. */
void sim_net_heal(struct sim_world *w);
bool sim_net_is_blocked(const struct sim_world *w, uint32_t from, uint32_t to);
#endif
