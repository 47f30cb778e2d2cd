/* SPDX-License-Identifier: MPL-2.0 */
#include "sandbox/crowd.h"

#include "base/own.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>

static bool slurp(int proc, const char *pid, const char *file, char *ret, size_t size)
{
    char path[64];

    (void)snprintf(path, sizeof(path), "%.16s/%s", pid, file);
    auto_fd int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, ret, size - 1);
    if (n <= 0)
        return false;
    ret[n] = '\0';
    return true;
}

/* Fields 14 to 17 of stat, in ticks: own user and system time, and that of waited children. */
static uint64_t cpu_us(int proc, const char *pid, bool init)
{
    char text[1024];
    uint64_t ticks = 0;

    if (!slurp(proc, pid, "stat", text, sizeof(text)))
        return 0;
    char *p = strrchr(text, ')');
    for (int field = 2; p && field < 14; field++)
        p = strchr(p + 1, ' ');
    for (int field = 14; p && field <= 17; field++) {
        uint64_t v = strtoull(p + 1, &p, 10);

        if (!init || field >= 16)
            ticks += v;
    }
    return ticks * 1000000 / (uint64_t)sysconf(_SC_CLK_TCK);
}

static uint64_t memory(int proc, const char *pid)
{
    unsigned long long size, resident, shared;
    char text[256];

    if (!slurp(proc, pid, "statm", text, sizeof(text)) ||
        sscanf(text, "%llu %llu %llu", &size, &resident, &shared) != 3 || shared > resident)
        return 0;
    return (resident - shared) * (uint64_t)sysconf(_SC_PAGESIZE);
}

bool crowd_measure(int proc, struct crowd *ret)
{
    int fd = proc < 0 ? -1 : openat(proc, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);

    *ret = (struct crowd){0};
    if (!d)
        return false;
    for (struct dirent *e; (e = readdir(d));) {
        bool init = strcmp(e->d_name, "1") == 0;

        if (e->d_name[0] < '0' || e->d_name[0] > '9')
            continue;
        ret->cpu_us += cpu_us(proc, e->d_name, init);
        if (init)
            continue;
        ret->memory += memory(proc, e->d_name);
        ret->processes++;
    }
    (void)closedir(d);
    return true;
}
