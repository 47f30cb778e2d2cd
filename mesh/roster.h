/* SPDX-License-Identifier: MPL-2.0 */
#ifndef MESH_ROSTER_H
#define MESH_ROSTER_H
/*
 * The inside of struct members, for member.c, rumour.c and probe.c only: the table of who is
 * known, the three heaps of what is due, and the outputs.
 */
#include "base/heap.h"
#include "base/map.h"
#include "base/own.h"
#include "base/rng.h"
#include "mesh/member.h"
#include "mesh/suspicion.h"

enum {
    ROSTER_RUMOURS_MAX = 16, /* on one message */
    ROSTER_RELAYS_MAX = 64,  /* pings made for others, at a time */
};

struct roster_entry {
    struct member pub; /* first */
    /* While SUSPECT: */
    struct suspicion suspicion;
    struct heap_node suspicion_timer;
    /* While there is something to tell of it: */
    struct heap_node rumour; /* by times sent, then the newest */
    uint32_t rumour_sent;
    uint64_t rumour_number;
    struct id accuser; /* whose word its state is */
    /* While it is probed: */
    struct heap_node probe_timer;
    uint64_t probe_seq;
    uint64_t probe_sent_ns;
    uint64_t probe_end_ns;
    uint32_t nacks_due;
    uint32_t nacks;
    bool asked_others;
    /* When it was last told that it is taken for gone. */
    uint64_t reminded_ns;
};

struct roster_relay {
    uint64_t seq; /* of our ping; 0 = not in use */
    uint64_t their_seq;
    struct id asker;
    uint64_t due_ns;
};

struct members {
    struct member_config config;
    struct rng rng;
    struct map *by_nid;
    struct roster_entry **all; /* [0] is this node */
    uint32_t n;
    uint32_t cap;
    uint32_t count[MEMBER_STATE_N];
    uint64_t changed_ns;         /* when who is there last changed, or one who is not */
    struct roster_entry **order; /* to be probed, shuffled; as long as `all` */
    uint32_t turn;
    struct heap suspicions;
    struct heap rumours;
    struct heap probes;
    struct roster_relay relays[ROSTER_RELAYS_MAX];
    uint32_t relay_next;
    uint32_t n_relays; /* in use */
    uint64_t rumour_numbers;
    uint64_t seq;
    uint32_t health;
    uint64_t accusations;
    struct id namesake; /* a node of this one's name that spoke to it, first then */
    uint64_t namesake_ns;
    struct meter rtt;
    uint64_t next_probe_ns, next_gossip_ns, next_pushpull_ns;
    bool started;
    bool leaving;
    bool misheard; /* the frame in hand spoke ill of this node, after it was denied */
    struct member_output *out;
    uint32_t n_out;
    uint32_t cap_out;
    bool taken; /* the outputs were handed over: the next call starts anew */
    struct buf scratch;
};

static inline uint64_t roster_ns(uint64_t ms)
{
    return ms * 1000000;
}

static inline struct roster_entry *roster_self(const struct members *m)
{
    return m->all[0];
}

struct roster_entry *roster_get(const struct members *m, const struct id *nid);
/* A new one in `state`; NULL when LIMIT_NODES are known and none may give way. Says nothing. */
struct roster_entry *roster_add(struct members *m, const struct id *nid, enum member_state state,
                                uint64_t now_ns);
/* Keeps the count and the outputs; the rules are rumour.c's. */
void roster_set_state(struct members *m, struct roster_entry *e, enum member_state state,
                      uint64_t now_ns);
/* Up to `n` random entries `fits`; returns how many. */
uint32_t roster_draw(struct members *m,
                     bool (*fits)(const struct members *m, const struct roster_entry *e,
                                  uint64_t ctx),
                     uint64_t ctx, struct roster_entry **ret, uint32_t n);

/* Every entry point that changes something calls this first. */
void roster_begin(struct members *m);
void roster_output(struct members *m, enum member_output_type type, const struct id *nid);
/* The payload is written into m->scratch, then sent. */
struct buf *roster_payload(struct members *m);
void roster_send(struct members *m, const struct id *to, enum member_payload kind);
#endif
