/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SANDBOX_RUN_H
#define SANDBOX_RUN_H
/*
 * What the keeper and a run's init say to each other. A stage is asked for an init (FRAME_BIRTH);
 * the init parks in its namespaces and takes runs (FRAME_RUN: a struct run_head, then the bytes
 * of a step) over a channel of its own. It answers with reports over a SOCK_SEQPACKET, some with
 * a descriptor.
 */
#include "base/err.h"
#include "sandbox/step.h"

/* The descriptors of FRAME_BIRTH. */
enum birth_fd { BIRTH_CHANNEL, BIRTH_REPORT, BIRTH_CGROUP, BIRTH_FDS };

/* The first descriptors of FRAME_RUN; those of the step follow. */
enum run_fd { RUN_STDOUT, RUN_STDERR, RUN_FDS };

struct run_head {
    uint8_t alone; /* no cgroup counts: rlimits are all there is */
    uint8_t last;  /* the init ends with this run */
    uint8_t near;  /* it has been brought to the CPU of whoever waits for this run */
};

enum report_what {
    REPORT_BORN,     /* with a pidfd of the init */
    REPORT_PARKED,   /* all is ready for a run; with its /proc, if it has one */
    REPORT_LISTENER, /* with the listener of the next run's filter */
    REPORT_TERMINAL, /* with the outer end of the program's terminal; before STARTED */
    REPORT_STARTED,  /* the program's first instruction; at_ns; with a pidfd of the program */
    REPORT_FAILED,   /* text: the run could not be set up */
    REPORT_EXITED,   /* the program has ended and everything it left is dead. Of one that had ended
                      * before its start could be told, both: started_ns is not 0 */
    REPORT_FILE,     /* with a descriptor; text is its name */
    REPORT_DONE,     /* no more files; status: not 0 = not all could be taken */
    REPORT_CLEAN,    /* nothing of the run is left: ready for the next one */
};

struct report {
    uint32_t what;
    int32_t status;      /* of EXITED: as of wait4 */
    uint64_t at_ns;      /* CLOCK_MONOTONIC */
    uint64_t started_ns; /* likewise; 0 = STARTED has told it */
    uint64_t cpu_us;     /* of the program and all that was waited for */
    uint64_t init_us;    /* CPU time of the init itself for this run, so far */
    uint64_t memory;     /* largest resident set of one process, bytes */
    uint64_t switches_voluntary, switches_forced;
    uint8_t box_full; /* a program that failed left no room in the work directory */
    uint32_t executable;
    uint32_t done; /* of EXITED: no files will come, nor REPORT_DONE */
    char text[ERR_TEXT_MAX];
};
#endif
