/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SANDBOX_THRASH_H
#define SANDBOX_THRASH_H
/*
 * When is a run short of memory though the kernel kills nothing? What it holds, three quarters of
 * its limit or more, leaves too little room for the files it runs: their pages are dropped and read
 * again, over and over, and the kernel sees progress in that for as long as there is something to
 * drop. Pure.
 *
 * What was read again is counted in rooms, the memory that is left for files. A few rooms are
 * forgiven for each second of CPU time, so that who reads a lot but gets on is not taken for it:
 * Node was seen to read 40 to 150.
 */
#include "sandbox/cgroup.h"

enum { THRASH_ROOMS = 32, THRASH_ROOMS_PER_S = 20 };

struct thrash {
    bool near;       /* at the last look */
    uint64_t cpu_us; /* these three too */
    uint64_t refaulted;
    uint64_t held;
    uint64_t excess; /* bytes read again that were not forgiven */
};

/* Looks, now and then; `cpu_us` is what the run has used. True = it is short of memory. */
bool thrash_look(struct thrash *t, const struct cgroup_memory *m, uint64_t cpu_us);
#endif
