/* SPDX-License-Identifier: MPL-2.0 */
#include "sandbox/rlimit.h"

#include "base/own.h"

#include <errno.h>
#include <stdio.h>
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

/* With 0 a crash would still start the program that a host has for cores, as root and with the dead
 * one's memory; 1 tells the kernel not to (core_pattern, core(5)). Who lowers it to 0 has that
 * program started again, which no limit can forbid. */
static const struct limit settled[] = {
    {RLIMIT_CORE, 1},     {RLIMIT_MEMLOCK, 64 * LIMIT_KIB},
    {RLIMIT_MSGQUEUE, 0}, {RLIMIT_SIGPENDING, SIGNALS},
    {RLIMIT_NICE, 0},     {RLIMIT_RTPRIO, 0},
};

int rlimit_settle(void)
{
    return set_all(settled, ARRAY_LEN(settled));
}

/* What /proc calls them. */
static const char *const titles[RLIM_NLIMITS] = {
    [RLIMIT_CORE] = "Max core file size",    [RLIMIT_MEMLOCK] = "Max locked memory",
    [RLIMIT_MSGQUEUE] = "Max msgqueue size", [RLIMIT_SIGPENDING] = "Max pending signals",
    [RLIMIT_NICE] = "Max nice priority",     [RLIMIT_RTPRIO] = "Max realtime priority",
    [RLIMIT_CPU] = "Max cpu time",           [RLIMIT_FSIZE] = "Max file size",
    [RLIMIT_NOFILE] = "Max open files",
};

/* Is the hard limit, the second figure of its line, `most` at most? */
static bool is_within(const char *text, const struct limit *l)
{
    const char *at = strstr(text, titles[l->what]);
    unsigned long long hard;

    return at && sscanf(at + strlen(titles[l->what]), " %*s %llu", &hard) == 1 && hard <= l->value;
}

static bool all_within(const char *text, const struct limit *all, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!is_within(text, &all[i]))
            return false;
    return true;
}

bool rlimit_is_settled(const char *text)
{
    return all_within(text, settled, ARRAY_LEN(settled));
}

bool rlimit_is_applied(const char *text)
{
    /* Whatever a step allows, it is not "unlimited", which is no figure. */
    static const struct limit all[] = {
        {RLIMIT_CPU, RLIM_INFINITY}, {RLIMIT_FSIZE, RLIM_INFINITY}, {RLIMIT_NOFILE, OPEN_FILES}};

    return all_within(text, all, ARRAY_LEN(all));
}

int rlimit_prepare(void)
{
    return set(RLIMIT_NOFILE, OPEN_FILES);
}

enum { RUN_LIMITS = 3, ALONE_LIMITS = 2 };

/* What a run decides, and what is only there where no cgroup is. */
static void choose(const struct step_limits *l, struct limit ret[RUN_LIMITS + ALONE_LIMITS])
{
    /* Address space that is merely reserved counts as data: runtimes need more than they use. What
     * is used is watched. */
    const rlim_t data = l->memory < RLIM_INFINITY / 4 ? 4 * l->memory : RLIM_INFINITY;
    /* The kernel counts CPU time in whole seconds here, per process: a second fence. */
    const struct limit all[] = {
        {RLIMIT_FSIZE, l->file_size},       {RLIMIT_STACK, l->stack},
        {RLIMIT_CPU, l->cpu_ms / 1000 + 2}, {RLIMIT_DATA, data},
        {RLIMIT_NPROC, l->processes},
    };

    memcpy(ret, all, sizeof(all));
}

int rlimit_apply(const struct step_limits *l, bool alone)
{
    struct limit all[RUN_LIMITS + ALONE_LIMITS];

    choose(l, all);
    return set_all(all, alone ? ARRAY_LEN(all) : RUN_LIMITS);
}

bool rlimit_fits(const struct step_limits *held, const struct step_limits *l)
{
    struct limit have[RUN_LIMITS + ALONE_LIMITS], want[RUN_LIMITS + ALONE_LIMITS];

    choose(held, have);
    choose(l, want);
    for (size_t i = 0; i < RUN_LIMITS; i++)
        if (want[i].value != have[i].value)
            return false;
    return true;
}
