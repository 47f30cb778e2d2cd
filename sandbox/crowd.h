/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SANDBOX_CROWD_H
#define SANDBOX_CROWD_H
/*
 * What a run uses where no cgroup counts, as a /proc tells. That has to be looked at, since the
 * kernel sends no news of it; processes that were born and died between two looks are seen only
 * once they were waited for.
 */
#include "sandbox/step.h"

#include <sys/types.h>

struct crowd {
    uint64_t cpu_us; /* of all that live, and of what they have waited for */
    /* What the program made and is resident, bytes; what several share may be in it several times
     * while that makes no difference to the limit. */
    uint64_t memory;
    unsigned threads;
    bool blind; /* it may be over the limit, and how much is shared could not be told in time */
};

/* The process behind a pidfd of ours, or -1. `proc`: the machine's. */
pid_t crowd_pid(int proc, int pidfd);
/* All below a run's init, as `proc` numbers it: 1 in the run's own /proc; in the machine's, which
 * costs a look at every process there is, whatever it is. Of the init itself only what it has
 * waited for counts. Of a crowd of more threads than `max` allows only the numbers are taken, since
 * its memory would take long to add up. Takes 30 ms at most, whatever the program does. False = the
 * init is not there. */
bool crowd_measure(int proc, pid_t init, const struct step_limits *max, struct crowd *ret);
#endif
