/* SPDX-License-Identifier: MPL-2.0 */
#include "sandbox/rlimit.h"

#include <errno.h>
#include <sys/resource.h>

enum { OPEN_FILES = 1024, SIGNALS = 4096 };

/* Never over the hard limit we have: without CAP_SYS_RESOURCE it cannot be raised. */
static int set(int what, rlim_t soft, rlim_t hard)
{
    struct rlimit now;

    if (getrlimit((__rlimit_resource_t)what, &now) < 0)
        return -errno;
    struct rlimit want = {soft < now.rlim_max ? soft : now.rlim_max,
                          hard < now.rlim_max ? hard : now.rlim_max};
    return setrlimit((__rlimit_resource_t)what, &want) < 0 ? -errno : 0;
}

int rlimit_apply(const struct step_limits *l, bool alone)
{
    const rlim_t cpu = l->cpu_ms / 1000 + 2;
    const struct {
        int what;
        rlim_t soft, hard;
    } all[] = {
        {RLIMIT_CORE, 0, 0},
        {RLIMIT_FSIZE, l->file_size, l->file_size},
        {RLIMIT_STACK, l->stack, l->stack},
        {RLIMIT_CPU, cpu, cpu},
        {RLIMIT_NOFILE, OPEN_FILES, OPEN_FILES},
        {RLIMIT_MEMLOCK, 64 * LIMIT_KIB, 64 * LIMIT_KIB},
        {RLIMIT_MSGQUEUE, 0, 0},
        {RLIMIT_SIGPENDING, SIGNALS, SIGNALS},
        {RLIMIT_NICE, 0, 0},
        {RLIMIT_RTPRIO, 0, 0},
        {RLIMIT_DATA, alone ? l->memory : RLIM_INFINITY, alone ? l->memory : RLIM_INFINITY},
        {RLIMIT_NPROC, alone ? l->processes : RLIM_INFINITY, alone ? l->processes : RLIM_INFINITY},
    };

    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        int r = set(all[i].what, all[i].soft, all[i].hard);

        if (r < 0)
            return r;
    }
    return 0;
}
