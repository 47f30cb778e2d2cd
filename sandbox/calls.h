/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SANDBOX_CALLS_H
#define SANDBOX_CALLS_H
/*
 * System calls by what they are for, as systemd's @sets: a group holds a subject with all that
 * C libraries and runtimes of any version use for it (stat, newfstatat and statx are one thing).
 * Some groups every program gets, some a language's profile names, with single calls besides, as
 * tracing its programs shows (tests/calls). A call is in one group only, but for those that are
 * split by their arguments; one that is in none is absent. Tables only, no state; any thread.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum call_kind {
    CALLS_BASE,    /* every program has them */
    CALLS_ASKED,   /* who names the group has them; refused to the others */
    CALLS_IDLE,    /* done by doing nothing */
    CALLS_REFUSED, /* refused, unless a profile names the single call */
    CALLS_DEADLY,  /* never made by an honest program; no profile may name them */
};

/* Allowed when an argument, masked, is a value; a mask of 0 is any argument. */
struct call_test {
    uint8_t arg;
    uint32_t mask, is;
};

/* A call that is allowed with some arguments only: both tests hold. */
struct call_rule {
    const char *call;
    struct call_test tests[2];
};

struct call_group {
    const char *name; /* "@files" */
    enum call_kind kind;
    const char *const *calls;
    size_t n_calls;
    const struct call_rule *rules;
    size_t n_rules;
    const struct call_rule *lacks; /* what nobody is given: EINVAL, said to no listener */
    size_t n_lacks;
    bool counted; /* refused also to who names it where no cgroup counts memory */
    int absent;   /* not 0: what is asked for is not here, said with this errno to all who have the
                     group, and to no listener */
};

extern const struct call_group call_groups[];
extern const size_t call_groups_n;

/* NULL = there is none of that name. */
const struct call_group *call_group_find(const char *name);
bool call_group_has(const struct call_group *g, const char *call);
/* The first that has it; NULL = none. */
const struct call_group *call_group_of(const char *call);
bool call_is_deadly(const char *call);
/* Is it refused, and its name told, to who may not make it (EPERM)? Else it is absent. */
bool call_is_refused(const char *call);
#endif
