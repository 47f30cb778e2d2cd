/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SANDBOX_VERDICT_H
#define SANDBOX_VERDICT_H
/*
 * From the kernel's facts to how a run ended. Pure: the same facts give the same end, and each
 * end's `detail` names the fact it rests on. What the program prints counts in one case only:
 * when it failed and its runtime's allocator says that it was refused memory.
 */
#include "sandbox/cgroup.h"
#include "sandbox/profile.h"
#include "sandbox/step.h"
#include "sandbox/thrash.h"

/* Why we killed a run. */
enum verdict_kill {
    KILL_NONE,
    KILL_CPU,
    KILL_WALL,
    KILL_OUTPUT,
    KILL_MEMORY,
    KILL_THRASHING, /* short of memory: thrash.h */
    KILL_PROCESSES, /* counted by looking, where nothing else counts */
    KILL_FILES,     /* so is the work directory */
    KILL_SYSCALL,
    KILL_ASKED,
    KILL_BROKEN,
};

struct facts {
    const struct step_limits *limits;
    enum verdict_kill kill;
    bool exited;    /* by itself, or by a signal that was not ours; `status` says which */
    int32_t status; /* as of wait4 */
    uint64_t cpu_us, wall_us;
    uint64_t memory; /* peak */
    struct cgroup_use use;
    struct thrash thrash; /* as last seen */
    bool out_truncated, err_truncated;
    bool box_full;
    bool files_missed; /* it left more files to be kept than are taken */
    struct profile_list memory_errors;
    struct span err;      /* what the program wrote on stderr */
    const char *refused;  /* the first system call refused, "" = none */
    const char *err_text; /* of KILL_BROKEN */
};

/* Sets end, exit_code, signal, detail, overshoot_us, refused, err_text of the outcome. */
void verdict_decide(const struct facts *f, struct step_outcome *o);
#endif
