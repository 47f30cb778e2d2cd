/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SANDBOX_LAUNCH_H
#define SANDBOX_LAUNCH_H
/*
 * The last steps of a process before it is the untrusted program. Most are taken before there is
 * a run: a process is started that has the program's user, no capabilities and the filter, and
 * waits. For a run it only puts descriptors and rlimits in place and calls exec.
 *
 * The waiting process shares its starter's memory and descriptors, as a child of vfork() would,
 * so it only makes system calls. Used by an init, which has one at a time.
 */
#include "base/err.h"
#include "sandbox/near.h"
#include "sandbox/seccomp.h"
#include "sandbox/step.h"
#include "sandbox/userns.h"

#include <stdatomic.h>
#include <sys/types.h>

enum { LAUNCH_MEEK = 19 }; /* the nice value of a program that gives way to all others */

/* What a run decides. */
struct launch {
    const struct step *step;
    int program;      /* executed instead of argv[0], or -1 */
    int in, out, err; /* the program's standard descriptors */
    bool alone;       /* no cgroup */
};

struct launch_failure {
    const char *where; /* NULL = none */
    int code;
};

/* A word that both processes sleep on. The kernel sets it to LAUNCH_GONE when the one that waits
 * executes something, or ends (CLONE_CHILD_CLEARTID). */
enum launch_state { LAUNCH_GONE, LAUNCH_PREPARING, LAUNCH_WAITING, LAUNCH_GOING };

struct launcher {
    /* Set by the owner. */
    const struct ids *ids;
    const struct filter *filter;
    int report;   /* where the listener is sent */
    int ruleset;  /* Landlock, or -1 */
    int terminal; /* will control it, or -1 */
    int null;     /* an empty descriptor, as are the standard ones of the owner */
    int dir;      /* the program's current directory */
    const struct step_limits *limits; /* of its run already, NULL = they are not known */
    struct near_home home;            /* where a program may run */
    unsigned mitigations;             /* a set of enum mitigation */
    bool meek; /* gives way to all others: the keeper must get to look at it */

    pid_t pid;               /* of the process that waits, 0 = none */
    pid_t starter;           /* its parent, and its end */
    const struct launch *as; /* what it is to become */
    struct launch_failure failure;
    uint64_t at_ns; /* of the exec */
    _Atomic int state;
    void *stack;
    bool gives_way;
    bool filled; /* standard descriptors of ours are the program's */
};

/* Starts a process and returns when it waits; its listener has been sent by then. */
int launch_prepare(struct launcher *l, struct err *err);
/* Ends the process that waits, if there is one. */
void launch_discard(struct launcher *l);
/* Being woken at the exec, its starter is not to take the CPU from the program that goes on: what
 * is left to do can wait until it sleeps, ends, or has had its turn. */
void launch_give_way(struct launcher *l, bool yes);
/* Makes the process that waits the program and returns once it has been exec'ed, the caller still
 * giving way and having the program's standard descriptors. 0 with its pid and the moment of the
 * exec (CLOCK_MONOTONIC), or a negative errno. */
int launch_program(struct launcher *l, const struct launch *as, pid_t *ret_pid, uint64_t *ret_at_ns,
                   struct err *err);
/* The caller's standard descriptors are empty again. */
int launch_empty(struct launcher *l, struct err *err);
#endif
