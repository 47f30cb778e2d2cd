/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SANDBOX_MUTANT_H
#define SANDBOX_MUTANT_H
/*
 * Protections that can be dropped on purpose, one at a time, to prove that the self-test notices.
 * Only in a test's program, which is compiled with SANDBOX_MUTANT defined: there the variable of
 * that name says which one. Everywhere else MUTANT() is 0 and nothing of this is compiled.
 */

/* X(id): what is wrong then */
#define MUTANTS(X)                                                                                 \
    X(no_filter)            /* programs make any system call */                                    \
    X(no_pid_namespace)     /* they see and are among other processes */                           \
    X(no_ipc_namespace)     /* they share System V ipc */                                          \
    X(no_cgroup_namespace)  /* they see where their group is */                                    \
    X(machine_network)      /* they are in the machine's network */                                \
    X(runs_as_root)         /* they are root of their user namespace */                            \
    X(kept_capabilities)    /* and have all of its capabilities */                                 \
    X(writable_root)        /* mounts are not read-only */                                         \
    X(devices_in_work)      /* the work directory takes devices and set-user-id files */           \
    X(whole_proc)           /* /proc shows the kernel and all processes */                         \
    X(inherited_descriptor) /* a descriptor is left open */                                        \
    X(daemon_environment)   /* they get the environment of the keeper */                           \
    X(links_followed)       /* symbolic links are followed when files come out */                  \
    X(no_landlock)          /* no fence at level lsm */                                            \
    X(unwatched)            /* what no kernel limit holds is not looked at */                      \
    X(loose_processes)      /* limits are far over what was asked for */                           \
    X(loose_memory)                                                                                \
    X(loose_output)                                                                                \
    X(loose_files)                                                                                 \
    X(loose_cpu_time)                                                                              \
    X(loose_wall_time)                                                                             \
    X(traced_calls) /* programs make most system calls, and all are written down */

#include "sandbox/step.h"

#ifdef SANDBOX_MUTANT
#include <stdlib.h>
#include <string.h>

enum mutant {
#define X(id) MUTANT_##id,
    MUTANTS(X)
#undef X
        MUTANT_N
};

static inline int mutant_is(enum mutant m)
{
    static const char *const names[] = {
#define X(id) #id,
        MUTANTS(X)
#undef X
    };
    const char *chosen = getenv("SANDBOX_MUTANT");

    return chosen && strcmp(chosen, names[m]) == 0;
}

#define MUTANT(id) mutant_is(MUTANT_##id)

/* So far over that the self-test's programs end by themselves before. */
static inline void mutant_limits(struct step_limits *l)
{
    l->processes *= MUTANT(loose_processes) ? 5 : 1;
    l->memory *= MUTANT(loose_memory) || MUTANT(loose_files) ? 5 : 1;
    l->output *= MUTANT(loose_output) ? 3125 : 1;
    l->file_size *= MUTANT(loose_files) ? 125 : 1;
    l->files *= MUTANT(loose_files) ? 5 : 1;
    l->cpu_ms *= MUTANT(loose_cpu_time) ? 125 : 1;
    l->wall_ms *= MUTANT(loose_wall_time) ? 25 : 1;
}
#else
#define MUTANT(id) 0
static inline void mutant_limits(struct step_limits *l)
{
    (void)l;
}
#endif
#endif
