/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SANDBOX_QUALITY_H
#define SANDBOX_QUALITY_H
/*
 * How far the times of a run can be trusted: what the machine did meanwhile. Used by a keeper,
 * for one run at a time. What this kernel does not tell is 0.
 */
#include <stdbool.h>
#include <stdint.h>

struct quality {
    int stat, pressure, frequency; /* owned, -1 = there is none */
    uint64_t stolen_ticks, waited_us;
    bool begun, looked;
};

struct quality_figures {
    uint64_t steal_us;    /* taken by the hypervisor from all CPUs together, since quality_look() */
    uint64_t pressure_us; /* somebody on this machine waited for a CPU */
    uint64_t cpu_khz;     /* of the CPU that the keeper is on, at the end */
};

void quality_init(struct quality *q);
void quality_done(struct quality *q);
/* A run has started. Cheap. */
void quality_begin(struct quality *q);
/* The run has lasted for QUALITY_LOOK_MS: from here what costs more is counted too. The kernel
 * counts stolen time in ticks of 10 ms, so that shorter runs miss nothing it could tell. */
enum { QUALITY_LOOK_MS = 20 };
void quality_look(struct quality *q);
/* All 0 for a run that ended before its begin could be told. */
void quality_end(struct quality *q, struct quality_figures *ret);
#endif
