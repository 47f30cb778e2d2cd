/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SANDBOX_LAUNCH_H
#define SANDBOX_LAUNCH_H
/*
 * The last steps of a process before it is the untrusted program: descriptors, rlimits, user,
 * capabilities, filter, exec. Runs in a child of vfork(), so it only makes system calls.
 */
#include "base/err.h"
#include "sandbox/seccomp.h"
#include "sandbox/step.h"
#include "sandbox/userns.h"

#include <sys/types.h>

struct launch {
    const struct step *step;
    const struct ids *ids;
    const struct filter *filter;
    int program;      /* executed instead of argv[0], or -1 */
    int in, out, err; /* the program's standard descriptors */
    int report;       /* where the listener is sent */
    int ruleset;      /* Landlock, or -1 */
    bool alone;       /* no cgroup */
};

/* Starts the program and returns once it has been exec'ed. 0 with its pid and the moment of the
 * exec (CLOCK_MONOTONIC), or a negative errno. */
int launch_program(const struct launch *l, pid_t *ret_pid, uint64_t *ret_at_ns, struct err *err);
#endif
