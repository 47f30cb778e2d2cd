/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SANDBOX_LANDLOCK_H
#define SANDBOX_LANDLOCK_H
/*
 * Landlock: the fence of level lsm, where there are no namespaces. A program may read and execute
 * its language's files, change its own work directory, and read and write a few devices; it
 * connects to nothing, and where the kernel has scopes it signals nobody else. What Landlock does
 * not know of at all (looking at names, changing modes and owners) the filter refuses or level
 * lsm lacks.
 *
 * The kernel's numbers are our own copy: a libc and its headers may be older than the kernel.
 */
#include "base/err.h"
#include "sandbox/profile.h"

/* What an ABI brings that counts here. */
enum { LANDLOCK_ABI_SCOPES = 6 };

/* The ABI of this kernel; 0 = it has no Landlock, or none for us. */
int landlock_abi(void);
/* The rules of one run. `work`: its directory, opened. Returns a descriptor or a negative errno. */
int landlock_ruleset(struct profile_list binds, int work, struct err *err);
/* For good, for the calling process; no_new_privs is on. Safe after vfork(). 0 or a negative
 * errno. */
int landlock_restrict(int ruleset);
#endif
