/* SPDX-License-Identifier: MPL-2.0 */
#ifndef MESH_METER_H
#define MESH_METER_H
/*
 * How often something took how long, since the start of this mesh, in buckets of fixed bounds:
 * what monitoring adds up over nodes and time. No allocation; copied as it is.
 */
#include "base/limits.h"

#include <stdint.h>

enum { METER_BUCKETS = 12 };

/* X(name, what is measured, n bounds, in us, ascending) */
#define METERS(X)                                                                                  \
    X(wait, "from queued to started", 1000, 5000, 10000, 50000, 100000, 500000, 1000000, 5000000,  \
      10000000, 30000000, 60000000, 300000000)                                                     \
    X(rtt, "from a ping to its direct answer", 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, \
      250000, 500000, 1000000)

enum meter_kind {
#define X(name, what, ...) METER_##name,
    METERS(X)
#undef X
        METER_N
};

struct meter {
    uint64_t counts[METER_BUCKETS + 1]; /* not cumulated; the last one: above all bounds */
    uint64_t count;
    uint64_t sum_us;
};

/* X(role, result): what became of asking for work */
#define METER_STEALS(X)                                                                            \
    X(thief, granted)                                                                              \
    X(thief, denied)                                                                               \
    X(thief, lost)                                                                                 \
    X(victim, granted)                                                                             \
    X(victim, denied)

enum meter_steal {
#define X(role, result) METER_STEAL_##role##_##result,
    METER_STEALS(X)
#undef X
        METER_STEAL_N
};

/* What one mesh has measured. */
struct meters {
    struct meter of[METER_N];
    uint64_t steals[METER_STEAL_N];
    uint64_t steal_jobs; /* runs taken over from other nodes */
};

/* How far each peer's copies are behind what this node has told them. */
enum { LAGS_MAX = 64 };
struct lags {
    uint32_t n;
    struct lags_of {
        char name[LIMIT_NAME + 1]; /* of a peer that is not gone for good; no two are alike */
        uint64_t copies;
        uint64_t oldest_us; /* for how long the oldest of them has been behind */
    } of[LAGS_MAX];
};

/* The bounds of a kind, in us; how many. */
const uint64_t *meter_bounds(enum meter_kind kind, uint32_t *ret_n);
void meter_add(struct meter *m, enum meter_kind kind, uint64_t us);
#endif
