/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SANDBOX_MOUNT_H
#define SANDBOX_MOUNT_H
/*
 * What a program sees of the file system. A stage makes its root once: a tmpfs with the
 * language's files bound into it, read-only, nosuid, nodev; a run gets a copy of that mount
 * namespace (cheap) and its own work directory, /tmp and /proc on top.
 *
 *     /            tmpfs, read-only     /box     tmpfs of the run; 0700, only init enters
 *     /usr ...     binds, read-only     /work    box/work, the current directory
 *     /dev         null zero full       /tmp     box/tmp; /dev/shm points here
 *                  random urandom       /proc    of the run's pid namespace, pids only
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
/* The run's own mounts. `inputs`: bytes of the files that will be put in, `n_inputs` of them. */
int mount_run(const struct step_limits *limits, const struct root_spec *spec, uint64_t inputs,
              uint32_t n_inputs, struct err *err);
#endif
