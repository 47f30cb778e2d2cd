/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SANDBOX_MITIGATION_H
#define SANDBOX_MITIGATION_H
/*
 * Against what a program could learn from the processor itself. Each costs time, and each is
 * only there on some machines; which are wanted is configured (SANDBOX_CPU_MITIGATIONS).
 */
#include <stdbool.h>
#include <stddef.h>

/* X(id, name) */
#define MITIGATIONS(X)                                                                             \
    X(CORE, "core-scheduling") /* two runs never share a core at a time (PR_SCHED_CORE) */         \
    X(BRANCHES, "branches")    /* no speculation on indirect branches (PR_SPEC_INDIRECT_BRANCH) */ \
    X(STORES, "stores")        /* no speculative store bypass (PR_SPEC_STORE_BYPASS) */

enum mitigation {
#define X(id, name) MITIGATION_##id,
    MITIGATIONS(X)
#undef X
        MITIGATION_N
};
const char *mitigation_name(enum mitigation m);

/* What is wanted when nothing is said. */
#define MITIGATION_DEFAULT "core-scheduling"
/* A set as a list of names with commas, or "none". 0 or -EINVAL. */
int mitigation_parse(const char *list, unsigned *ret_set);
/* Does this machine have it? 0, or the negative errno that says why not. */
int mitigation_try(enum mitigation m);
/* Those of `wanted` that this machine has. */
unsigned mitigation_available(unsigned wanted);
/* Puts this process under them, and what it executes. Only makes system calls. 0 or -errno. */
int mitigation_apply(unsigned set);
#endif
