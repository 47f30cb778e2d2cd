/* SPDX-License-Identifier: MPL-2.0 */
#include "sandbox/crowd.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/own.h"
#include "sandbox/kin.h"

#include <stdio.h>
#include <time.h>

#define LOOK_NS_MAX 20000000ULL

/* Our own time: on a busy machine a look takes long without being dear, and one that were cut short
 * each time would never see all of a crowd. */
static uint64_t cpu_ns(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* "Pss_Anon:        1234 kB" */
static uint64_t bytes_of(const char *text, const char *field)
{
    long long kib = kin_number(text, field);

    return kib < 0 ? 0 : (uint64_t)kib * LIMIT_KIB;
}

/* Pages that the program made, each shared one by its share: the memory of children that share
 * all with their parent is not counted again, and that of shared mappings is. */
static uint64_t memory(int proc, const char *pid)
{
    unsigned long long size, resident, shared;
    uint64_t tables = 0;
    char text[2048];

    /* Page tables are memory too: a page here and there of a large mapping costs as much again. */
    if (kin_read(proc, pid, "status", text, sizeof(text)))
        tables = bytes_of(text, "\nVmPTE:");
    if (kin_read(proc, pid, "smaps_rollup", text, sizeof(text)) && strstr(text, "Pss_Anon:"))
        return tables + bytes_of(text, "Pss_Anon:") + bytes_of(text, "Pss_Shmem:");
    if (!kin_read(proc, pid, "statm", text, sizeof(text)) ||
        sscanf(text, "%llu %llu %llu", &size, &resident, &shared) != 3 || shared > resident)
        return 0;
    return tables + (resident - shared) * (uint64_t)sysconf(_SC_PAGESIZE);
}

pid_t crowd_pid(int proc, int pidfd)
{
    char path[64], text[512];

    (void)snprintf(path, sizeof(path), "fdinfo/%d", pidfd);
    if (proc < 0 || pidfd < 0 || !kin_read(proc, "self", path, text, sizeof(text)))
        return -1;
    return (pid_t)kin_number(text, "\nPid:");
}

/* Of the init only what it has waited for counts. */
static void count(const struct kin *all, size_t n, pid_t init, struct crowd *ret)
{
    uint64_t ticks = 0;

    for (size_t i = 0; i < n; i++) {
        if (all[i].pid == init)
            ticks += all[i].ticks_waited;
        if (!all[i].below)
            continue;
        ticks += all[i].ticks + all[i].ticks_waited;
        ret->threads += all[i].threads;
    }
    ret->cpu_us = ticks * 1000000 / (uint64_t)sysconf(_SC_CLK_TCK);
}

bool crowd_measure(int proc, pid_t init, uint64_t threads_max, struct crowd *ret)
{
    auto_free struct kin *all = own_calloc(KIN_MAX, sizeof(*all));
    const uint64_t begin = cpu_ns(), first = clock_mono_ns() / 1000;
    char name[16];

    *ret = (struct crowd){0};
    if (init <= 0 || proc < 0)
        return false;
    size_t n = kin_list(proc, init, all);
    count(all, n, init, ret);
    if (ret->threads > threads_max)
        return true;
    /* A fork bomb's memory is slow to read. What is seen in time is what counts, and each look
     * begins somewhere else. */
    for (size_t k = 0; k < n && cpu_ns() - begin < LOOK_NS_MAX; k++) {
        const struct kin *at = &all[(first + k) % n];

        if (!at->below)
            continue;
        (void)snprintf(name, sizeof(name), "%d", (int)at->pid);
        ret->memory += memory(proc, name);
    }
    return n > 0;
}
