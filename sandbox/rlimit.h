/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SANDBOX_RLIMIT_H
#define SANDBOX_RLIMIT_H
/* The kernel's limits per process: the second fence behind the cgroup, or, where there is no
 * cgroup, the first. Safe after vfork(): system calls only. */
#include "sandbox/step.h"

/* Those that are the same for every run; children inherit them. 0 or a negative errno. */
int rlimit_settle(void);
/* Has a process these limits, or tighter ones? Nobody gets out of them again. `text` is its
 * /proc/PID/limits. */
bool rlimit_is_settled(const char *text);
/* Those of every program that its starter is without. 0 or a negative errno. */
int rlimit_prepare(void);
/* The others, which are of a run. `alone`: no cgroup counts memory and processes. 0 or a negative
 * errno. */
int rlimit_apply(const struct step_limits *limits, bool alone);
/* Has one that `held` were applied to, with cgroups, just what applying `limits` would give it? */
bool rlimit_fits(const struct step_limits *held, const struct step_limits *limits);
/* Has a process limits such as rlimit_prepare() and rlimit_apply() set for every run? */
bool rlimit_is_applied(const char *text);
#endif
