/* SPDX-License-Identifier: MPL-2.0 */
#include "sandbox/crowd.h"

#include "base/clock.h"
#include "base/own.h"
#include "sandbox/kin.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#define LOOK_NS_MAX 20000000ULL

enum { SHARES_MS = 30 };

/* Our own time: on a busy machine a look takes long without being dear, and one that were cut short
 * each time would never see all of a crowd. */
static uint64_t cpu_ns(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static uint64_t bytes_of(const char *text, const char *field)
{
    long long kib = kin_number(text, field);

    return kib < 0 ? 0 : (uint64_t)kib * LIMIT_KIB;
}

/* Page tables are memory too: a page here and there of a large mapping costs as much again. With
 * `shares` each page counts by the share that the process has in it, so that the memory of children
 * that share all with their parent is not counted again. */
static uint64_t memory(int proc, const char *pid, bool shares)
{
    char status[2048], rollup[2048];

    if (!kin_read(proc, pid, "status", status, sizeof(status)))
        return 0;
    const uint64_t tables = bytes_of(status, "\nVmPTE:");
    /* One that made itself unreadable has all it has for itself. */
    if (shares && kin_read(proc, pid, "smaps_rollup", rollup, sizeof(rollup)) &&
        strstr(rollup, "Pss_Anon:"))
        return tables + bytes_of(rollup, "Pss_Anon:") + bytes_of(rollup, "Pss_Shmem:");
    return tables + bytes_of(status, "\nRssAnon:") + bytes_of(status, "\nRssShmem:");
}

static void become_looker(int proc, const struct kin *all, size_t n, int answer)
    __attribute__((noreturn));
static void become_looker(int proc, const struct kin *all, size_t n, int answer)
{
    const struct sched_param first = {.sched_priority = 1};
    uint64_t sum = 0;
    char name[16];

    /* It has little time, which the keeper's own place among the runnable does not give it. */
    (void)sched_setscheduler(0, SCHED_RR, &first);
    /* The node is to see the keeper's sockets close when the keeper dies. */
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (size_t i = 0; i < n; i++) {
        (void)snprintf(name, sizeof(name), "%d", (int)all[i].pid);
        sum += all[i].below ? memory(proc, name, true) : 0;
    }
    _exit(write(answer, &sum, sizeof(sum)) == sizeof(sum) ? 0 : 1);
}

/* To add up shares takes a lock of each process that its own threads can hold and fight for: we
 * would wait with them. So a child does it, which can be killed while it waits. */
static bool shares(int proc, const struct kin *all, size_t n, uint64_t *ret)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return false;
    auto_fd int answer = ends[0];
    pid_t pid = fork();
    if (pid == 0)
        become_looker(proc, all, n, ends[1]);
    (void)close(ends[1]);
    if (pid < 0)
        return false;
    struct pollfd p = {.fd = answer, .events = POLLIN};
    bool told = poll(&p, 1, SHARES_MS) == 1 && read(answer, ret, sizeof(*ret)) == sizeof(*ret);
    (void)kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    return told;
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

/* A fork bomb's memory is slow to read. What is seen in time is what counts, and each look begins
 * somewhere else. */
static void add_up(int proc, const struct kin *all, size_t n, uint64_t limit, struct crowd *ret)
{
    const uint64_t begin = cpu_ns(), first = clock_mono_ns() / 1000;
    uint64_t most = 0, shared;
    char name[16];

    for (size_t k = 0; k < n && cpu_ns() - begin < LOOK_NS_MAX; k++) {
        const struct kin *at = &all[(first + k) % n];

        if (!at->below)
            continue;
        (void)snprintf(name, sizeof(name), "%d", (int)at->pid);
        const uint64_t one = memory(proc, name, false);
        ret->memory += one;
        most = one > most ? one : most;
    }
    /* Nothing is counted twice that one process alone has, and less than allowed is less however
     * it is shared. */
    if (ret->memory <= limit || most > limit)
        return;
    ret->blind = !shares(proc, all, n, &shared);
    if (!ret->blind)
        ret->memory = shared;
}

bool crowd_measure(int proc, pid_t init, const struct step_limits *max, struct crowd *ret)
{
    auto_free struct kin *all = own_calloc(KIN_MAX, sizeof(*all));

    *ret = (struct crowd){0};
    if (init <= 0 || proc < 0)
        return false;
    size_t n = kin_list(proc, init, all);
    count(all, n, init, ret);
    if (ret->threads <= max->processes)
        add_up(proc, all, n, max->memory, ret);
    return n > 0;
}
