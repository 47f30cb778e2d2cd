/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SANDBOX_SECCOMP_H
#define SANDBOX_SECCOMP_H
/*
 * Which system calls a program may make. A filter is compiled once per language and phase (by
 * libseccomp, as a binary tree) and only loaded for a run. A call is
 *   allowed;
 *   absent: ENOSYS, what a libc expects of a kernel that has no such call (clone3, new calls);
 *   refused: EPERM, and its name is told through a listener descriptor;
 *   deadly: never made by an honest program; the name is told and the run is killed.
 * Calls of another architecture (i386, x32) kill the process in the kernel.
 */
#include "base/err.h"
#include "sandbox/profile.h"

struct filter {
    void *code; /* owned; an array of struct sock_filter */
    unsigned short len;
    unsigned flags;
};

enum filter_flag {
    /* Refused and deadly calls come to a listener; else EPERM and death, nameless. */
    FILTER_LISTENS = 1,
    /* No namespace hides others: refuses what would reach files by name that Landlock does not
     * guard, and processes that are not the program's. */
    FILTER_SHARED = 2,
    /* The program runs as somebody who has other processes, and the kernel does not tell them
     * apart: no signals at all. */
    FILTER_NO_SIGNALS = 4,
    /* No cgroup counts memory. What sockets hold is limited by their number: pairs of them are
     * handed out by the listener, and run out; without a listener there are none. So are the
     * watches of epoll, of which a user has so many with all that is his, the node included. Nor is
     * there any of what only a cgroup could count. */
    FILTER_UNCOUNTED = 8,
};

/* What all that comes to the listener of a run may cost together. */
enum { FILTER_COST_MAX = 4096, FILTER_COST = FILTER_COST_MAX / 64, FILTER_COST_WATCH = 1 };

/* `extra`: calls and groups of them (sandbox/calls.h) beyond those every program gets; an unknown
 * name is -EINVAL. `flags`: a set of enum filter_flag. */
int filter_build(struct profile_list extra, unsigned flags, struct filter *ret, struct err *err);
void filter_done(struct filter *f);
/* Loads it into this process, for good; no_new_privs is on. Returns the listener, 0 when the
 * filter has none, or a negative errno. Safe after vfork(). */
int filter_load(const struct filter *f);

/* One call that came to a listener. */
struct refusal {
    char name[64];
    bool deadly;
    bool named; /* refused on purpose; else this kernel's call is merely not for programs */
    unsigned cost;
};
/* Takes one and answers it with EPERM or ENOSYS, unless it is deadly: then it stays unanswered,
 * and the caller kills; or what is handed out with FILTER_UNCOUNTED: then it is let go on. `flags`
 * are the filter's. 1 = one was taken, 0 = none, negative = the listener is of no use any more. */
int filter_take(int listener, unsigned flags, struct refusal *ret);
#endif
