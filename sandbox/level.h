/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SANDBOX_LEVEL_H
#define SANDBOX_LEVEL_H
/*
 * How well this machine lets us isolate: found out by trying each operation, never by asking
 * who we are or which files there are.
 *
 *   full      all namespaces, own /proc, cgroups, filter
 *   ns        without cgroups: rlimits and watching instead
 *   ns-noproc and without /proc
 *   lsm       no namespaces: Landlock, filter, rlimits; all that a run has started is found by
 *             its descent and killed. Needs a user for the programs that is not root: one of
 *             their own, or whoever we are.
 */
#include "base/err.h"
#include "base/limits.h"

#include <stdbool.h>
#include <stdint.h>

enum level { LEVEL_NONE, LEVEL_LSM, LEVEL_NS_NOPROC, LEVEL_NS, LEVEL_FULL };

/* X(id, what) */
#define ISOLATION_PARTS(X)                                                                         \
    X(user, "user namespace")                                                                      \
    X(spaces, "pid, mount, network, ipc, uts and cgroup namespaces")                               \
    X(proc, "a /proc of its own")                                                                  \
    X(listener, "names of refused system calls")                                                   \
    X(cgroups, "cgroup limits and accounting")                                                     \
    X(group_kill, "cgroup.kill")                                                                   \
    X(ids, "user ids of its own")                                                                  \
    X(landlock, "Landlock")                                                                        \
    X(scopes, "Landlock that knows signals")

/* What works here. */
struct isolation {
#define X(id, what) bool id;
    ISOLATION_PARTS(X)
#undef X
    bool fresh; /* every run gets namespaces of its own */
};

enum level level_of(const struct isolation *i);
const char *level_name(enum level l);
/* 0 or -EINVAL. */
int level_parse(const char *name, enum level *ret);
/* What is missing, as a list in words; "" = nothing. */
void level_lacks(const struct isolation *i, char *ret, unsigned size);
#endif
