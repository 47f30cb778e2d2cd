/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SANDBOX_CROWD_H
#define SANDBOX_CROWD_H
/*
 * What a run uses where no cgroup counts, as the /proc of its own pid namespace tells. That has
 * to be looked at, since the kernel sends no news of it; processes that were born and died
 * between two looks are seen only once they were waited for.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct crowd {
    uint64_t cpu_us; /* of all that live, and of what they have waited for */
    uint64_t memory; /* resident and not shared, bytes */
    unsigned processes;
    unsigned threads; /* of them all; crowd_measure_below() only */
};

/* The process behind a pidfd, or -1. */
pid_t crowd_pid(int pidfd);
/* The same where the run has no /proc: all below its init in ours, at the cost of a look at every
 * process of the machine. Of a crowd of more than `threads_max` only the numbers are taken, since
 * its memory would take long to add up. False = the init is not there. */
bool crowd_measure_below(pid_t init, uint64_t threads_max, struct crowd *ret);
/* `proc`: the run's /proc. Its init, 1, is counted only for what it has waited for. False = it
 * cannot be read. */
bool crowd_measure(int proc, struct crowd *ret);
#endif
