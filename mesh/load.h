/* SPDX-License-Identifier: MPL-2.0 */
#ifndef MESH_LOAD_H
#define MESH_LOAD_H
/*
 * What this node believes of every peer's load, and the choices made with it: whom to tell of
 * work, whom to ask for some. The view is old by design; it is used only to filter random
 * candidates, never to pick the best one, because everybody would pick the same.
 *
 * Each entry is written by its own node, numbered by `seq`, and spread by all: LOAD_MAX_SENT
 * of the freshest ride on every control message. Entries of peers that were not added are
 * dropped. No I/O; the same random numbers give the same choices.
 */
#include "base/id.h"
#include "base/limits.h"
#include "base/rng.h"
#include "mesh/wire.h"

enum {
    LOAD_ENTRY_SIZE = 32, /* as written */
    LOAD_MAX_SENT = 48,
};

enum load_flag {
    LOAD_DRAINING = 1,  /* gives work away, takes none */
    LOAD_DISK_FULL = 2, /* holds no new copies */
    LOAD_DEGRADED = 4,  /* runs nothing: no sandbox, or one below the level asked for */
};

struct load_entry {
    struct id nid;
    uint32_t seq;                      /* serial number arithmetic (RFC 1982) */
    uint8_t free;                      /* slots it could fill now; 255 = that or more */
    uint8_t top;                       /* its most urgent class waiting; LIMIT_PRIORITIES = none */
    uint8_t flags;                     /* enum load_flag */
    uint16_t run_ms;                   /* mean run time, exponentially weighted */
    uint16_t queued[LIMIT_PRIORITIES]; /* 65535 = that or more */
};

struct load;

/* `boot` lifts this life's numbers over the last one's. */
struct load *load_new(const struct id *self, uint64_t boot, uint64_t seed);
void load_free(struct load *l);

/* A peer that may be chosen from now on; nothing is known of it yet. Twice is fine. */
void load_add(struct load *l, const struct id *nid);
void load_remove(struct load *l, const struct id *nid);
/* What this node itself has; nid and seq are filled in. True when it changed. */
bool load_set_self(struct load *l, const struct load_entry *e);
/* A peer's word, if newer than what is known. True when it was news. */
bool load_merge(struct load *l, const struct load_entry *e);
/* NULL when nothing is known. Valid until the next call that is not const. */
const struct load_entry *load_get(const struct load *l, const struct id *nid);
/* Believed free slots of `nid` go down by `n` until its next word. */
void load_spend(struct load *l, const struct id *nid, uint32_t n);

/* Writes one value: own entry first, then the freshest of others. */
void load_put(const struct load *l, struct buf *out);
/* Reads and merges it; what is wrong sets r->bad. Returns how many entries were news. */
uint32_t load_get_all(struct load *l, struct wire_reader *r);
/* One entry as a value: on GRANT and DENY. */
void load_put_self(const struct load *l, struct buf *out);

/* Peers to hint, up to `n`, all different: at random among those believed free, filled up with
 * random others that take work. Nobody is named twice before load_hint_anew(). Returns how
 * many. */
uint32_t load_hint_peers(struct load *l, struct rng *rng, struct id *ret_peers, uint32_t n);
/* What they were told of is over: all may be told again. */
void load_hint_anew(struct load *l);
/* `nid` says that work waits there: it stands in the line until its word is that none does. */
void load_hinted(struct load *l, const struct id *nid);
/* It was asked in vain: out of the line. */
void load_hint_used(struct load *l, const struct id *nid);
/* Who of the line is to be asked: the most urgent class, then who told first. False: nobody. */
bool load_hint(const struct load *l, struct id *ret_peer);
/* Whom else to ask for work: of two random peers with some waiting (`not_this` left out; may be
 * NULL) the one with the more urgent class, then with more of it. False when nobody has any. */
bool load_victim(struct load *l, struct rng *rng, const struct id *not_this, struct id *ret_peer);
/* Jobs waiting at `nid`, as far as is known. */
uint32_t load_waiting(const struct load *l, const struct id *nid);
/* Somebody else has more waiting than it can start. */
bool load_has_surplus(const struct load *l);
/* Mean run time with one more run in it (weight 1/8). */
uint16_t load_run_ms(uint16_t mean_ms, uint64_t run_ms);

/* The backstop: an idle peer asks again every TIMING_STEAL_POLL +- 20 %, doubling up to
 * TIMING_STEAL_POLL_MAX while nobody has a surplus. */
struct load_poll {
    uint64_t next_ns; /* UINT64_MAX = not polling */
    uint32_t interval_ms;
};
void load_poll_stop(struct load_poll *p);
/* Starts from the shortest interval; nothing happens when it runs already. */
void load_poll_start(struct load_poll *p, struct rng *rng, uint64_t now_ns);
/* After a poll at `now_ns`. */
void load_poll_again(struct load_poll *p, bool surplus, struct rng *rng, uint64_t now_ns);

uint64_t load_digest(const struct load *l);
void load_check(const struct load *l);
#endif
