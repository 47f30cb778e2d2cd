/* SPDX-License-Identifier: MPL-2.0 */
#include "sandbox/rlimit.h"

#include <errno.h>
#include <sys/resource.h>

enum { OPEN_FILES = 1024, SIGNALS = 4096 };

struct limit {
    int what;
    rlim_t value;
};

/* Never over the hard limit we have: without CAP_SYS_RESOURCE it cannot be raised. */
static int set(int what, rlim_t value)
{
    const __rlimit_resource_t id = (__rlimit_resource_t)what;
    struct rlimit want = {value, value}, now;

    if (setrlimit(id, &want) == 0)
        return 0;
    if (errno != EPERM || getrlimit(id, &now) < 0)
        return -errno;
    want.rlim_cur = want.rlim_max = now.rlim_max;
    return setrlimit(id, &want) < 0 ? -errno : 0;
}

static int set_all(const struct limit *all, size_t n)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < n; i++)
        r = set(all[i].what, all[i].value);
    return r;
}

int rlimit_settle(void)
{
    static const struct limit all[] = {
        {RLIMIT_CORE, 0},     {RLIMIT_MEMLOCK, 64 * LIMIT_KIB},
        {RLIMIT_MSGQUEUE, 0}, {RLIMIT_SIGPENDING, SIGNALS},
        {RLIMIT_NICE, 0},     {RLIMIT_RTPRIO, 0},
    };

    return set_all(all, ARRAY_LEN(all));
}

int rlimit_apply(const struct step_limits *l, bool alone)
{
    /* Address space that is merely reserved counts as data: runtimes need more than they use. What
     * is used is watched. */
    const rlim_t data = l->memory < RLIM_INFINITY / 4 ? 4 * l->memory : RLIM_INFINITY;
    /* The kernel counts CPU time in whole seconds here, per process: a second fence. */
    const struct limit all[] = {
        {RLIMIT_FSIZE, l->file_size}, {RLIMIT_STACK, l->stack}, {RLIMIT_CPU, l->cpu_ms / 1000 + 2},
        {RLIMIT_NOFILE, OPEN_FILES},  {RLIMIT_DATA, data},      {RLIMIT_NPROC, l->processes},
    };

    return set_all(all, alone ? ARRAY_LEN(all) : ARRAY_LEN(all) - 2);
}
