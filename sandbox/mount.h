/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SANDBOX_MOUNT_H
#define SANDBOX_MOUNT_H
/*
 * What a program sees of the file system. A stage makes its root once: a tmpfs with the
 * language's files bound into it, read-only, nosuid, nodev; a run gets a copy of that mount
 * namespace (cheap) and its own work directory, /tmp and /proc on top.
 *
 *     /            tmpfs, read-only     /work           tmpfs of the run, current directory
 *     /usr ...     binds, read-only     /tmp, /dev/shm  links to /work
 *     /dev         null zero full       /proc           of the run's pid namespace, pids only
 *                  random urandom
 */
#include "base/err.h"
#include "sandbox/profile.h"
#include "sandbox/step.h"
#include "sandbox/userns.h"

struct root_spec {
    const char *dir; /* a toolchain image's directory; its entries are bound. NULL = none */
    struct profile_list binds;
    const struct ids *ids;
    bool proc; /* make /proc */
};

/* Builds the root and moves into it; the machine's own root is gone after. */
int mount_root(const struct root_spec *spec, struct err *err);
/* An init's /proc. */
int mount_proc(struct err *err);
/* The work directory of one run: `size` bytes and `files` inodes at most. */
int mount_work(const struct ids *ids, uint64_t size, uint64_t files, struct err *err);
/* Changes how much an empty one may hold. */
int mount_work_resize(uint64_t size, uint64_t files, struct err *err);
/* Takes it away. -EBUSY: something still uses it. */
int mount_work_done(struct err *err);
#endif
