/* SPDX-License-Identifier: MPL-2.0 */
#ifndef TESTS_MESH_VILLAGE_H
#define TESTS_MESH_VILLAGE_H
/*
 * Many struct members on a network in memory, with a clock of its own: payloads take a few
 * ms, may be lost, and do not cross a cut. The same seed gives the same run.
 */
#include "base/heap.h"
#include "base/rng.h"
#include "mesh/member.h"

enum { VILLAGE_MAX = 64 };

struct villager {
    struct members *m;
    struct id nid;
    uint64_t boot;
    char name[16];
    bool down;        /* it gets and sends nothing, and its clock stands */
    int side;         /* of a cut: only those on the same side hear each other */
    uint64_t deaths;  /* DEADs it ever declared or heard of */
    uint64_t refuted; /* times it denied */
    uint64_t amnesia;
    uint64_t forgotten;
    uint64_t boots;
    uint64_t conflicts;
    bool yielded; /* to one of its name; it is down then */
    uint64_t sent;
};

struct village {
    uint64_t now;
    struct rng rng;
    uint32_t loss; /* per million */
    unsigned n;
    struct villager who[VILLAGE_MAX];
    struct heap post; /* struct letter, by arrival */
};

/* `n` of them, started and strangers to each other. */
void village_init(struct village *v, unsigned n, uint64_t seed);
void village_done(struct village *v);
/* One more, with this nid, boot and name. Returns its number. */
unsigned village_add(struct village *v, const struct id *nid, uint64_t boot, const char *name);
/* A new process on the same disk. */
void village_restart(struct village *v, unsigned i);
/* `i` says hello to `seed`, as the mesh would after opening a link. */
void village_join(struct village *v, unsigned i, unsigned seed);
/* All join the first and find each other. */
void village_settle(struct village *v);
/* Carries out what came up in `i`; after a call to one of its functions. */
void village_drain(struct village *v, unsigned i);
void village_run_ms(struct village *v, uint64_t ms);
/* Runs until everybody that is up sees `i` in `state`, at most `ms`. Returns the ms it took,
 * or UINT64_MAX. */
uint64_t village_until(struct village *v, unsigned i, enum member_state state, uint64_t ms);
enum member_state village_sees(const struct village *v, unsigned who, unsigned whom);
struct id village_nid(unsigned i);
#endif
