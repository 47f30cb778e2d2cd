/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SANDBOX_RUN_H
#define SANDBOX_RUN_H
/*
 * What the keeper and a run's init say to each other. The keeper asks a stage (FRAME_RUN: a
 * struct run_head, then the bytes of a step); the run's init, born for this run alone, answers
 * the keeper directly with reports over a SOCK_SEQPACKET of its own, some with a descriptor.
 */
#include "base/err.h"
#include "sandbox/step.h"

/* The first descriptors of FRAME_RUN; those of the step follow. */
enum run_fd { RUN_STDOUT, RUN_STDERR, RUN_REPORT, RUN_CGROUP, RUN_FDS };

struct run_head {
    uint8_t has_cgroup; /* RUN_CGROUP is a v2 group to be born in, else a spare descriptor */
    uint8_t alone;      /* no cgroup counts: rlimits are all there is */
};

enum report_what {
    REPORT_BORN,     /* with a pidfd of the init */
    REPORT_LISTENER, /* with the filter's listener */
    REPORT_STARTED,  /* the program's first instruction; at_ns */
    REPORT_FAILED,   /* text: the run could not be set up */
    REPORT_EXITED,   /* the program has ended and everything it left is dead */
    REPORT_FILE,     /* with a descriptor; text is its name */
    REPORT_DONE,     /* no more files */
};

struct report {
    uint32_t what;
    int32_t status;   /* as of wait4 */
    uint64_t at_ns;   /* CLOCK_MONOTONIC */
    uint64_t cpu_us;  /* of the program and all that was waited for */
    uint64_t init_us; /* CPU time of the init itself so far */
    uint64_t memory;  /* largest resident set of one process, bytes */
    uint64_t switches_voluntary, switches_forced;
    uint64_t box_left; /* bytes free in the work directory at the end */
    uint32_t executable;
    char text[ERR_TEXT_MAX];
};
#endif
