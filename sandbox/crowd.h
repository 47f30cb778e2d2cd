/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SANDBOX_CROWD_H
#define SANDBOX_CROWD_H
/*
 * What a run uses where no cgroup counts, as a /proc tells. That has to be looked at, since the
 * kernel sends no news of it: of processes that nobody waits for, what they used after the last
 * look at them is missed, and so are those that were born and died between two looks.
 */
#include "sandbox/looker.h"
#include "sandbox/step.h"

#include <sys/types.h>

struct crowd {
    uint64_t cpu_us;  /* the most that was used by all that lived, and what they had waited for */
    uint64_t memory;  /* the most that the program made and was resident, bytes; also the kernel's
                         records of mappings, when these may be too much */
    unsigned threads; /* at the last look */
    struct looker looker; /* adds up what is shared: crowd_hear() is due when its answer is there */

    /* crowd.c's own: */
    unsigned blind;          /* looks in a row at which it waited for the program */
    unsigned looks;          /* at which only its mappings may have been too much */
    struct crowd_seen *seen; /* at the last look, by pid */
    size_t n_seen;
    uint64_t total_us; /* CPU time that was seen to be used, of the dead too */
};

/* Where to look. */
struct crowd_at {
    int proc; /* a /proc in which the run's processes are */
    pid_t init;
    int ours; /* the one in which our own processes are */
};

/* The process behind a pidfd of ours, or -1. `proc`: the machine's. */
pid_t crowd_pid(int proc, int pidfd);
void crowd_init(struct crowd *c);
/* Stops what is under way. What was seen stays. */
void crowd_stop(struct crowd *c);
/* The same, and reaps, and forgets. */
void crowd_done(struct crowd *c);
/* All below a run's init, as `proc` numbers it: 1 in the run's own /proc; in the machine's, which
 * costs a look at every process there is, whatever it is. Of the init itself only what it has
 * waited for counts. Of a crowd of more threads than `max` allows only the numbers are taken, since
 * its memory would take long to add up.
 *
 * It waits for nothing that a program could hold. When all together may be over the limit, and what
 * they share makes a difference, a child of ours goes to see, and `memory` tells when it is back;
 * if it is kept waiting by the program nothing counts as shared. What two processes have not as
 * copies but as one memory, as with vfork(), counts once where the kernel may be asked (kcmp()).
 * False = the init is not there. */
bool crowd_look(struct crowd *c, const struct crowd_at *at, const struct step_limits *max);
/* Takes the child's answer, if it is there. */
void crowd_hear(struct crowd *c);
#endif
