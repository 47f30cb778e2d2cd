/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works:
 *
 *     our own group/arena.PID.START/      the slot
 *                       stage/            the stages live here, without limits
 *                       run.N/            one run, born in it, limits on it
 *
 * With controllers, every run gets a directory of its own, because memory.peak cannot be reset
 * before Linux 6.12; without (a machine whose controllers are v1's), one directory is enough.
 */
#include "sandbox/cgroup_impl.h"

#include "base/own.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <sys/inotify.h>

enum { PERIOD_US = 20000 };

static void shut(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

/* Moves what sits in `from` to `to`: a group with controllers for its children may hold no
 * process itself. Only the daemon's own processes are there. */
static int move_all(int from, int to)
{
    auto_fd int fd = cgfile_open(from, "cgroup.procs", O_RDONLY);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
    char line[32];
    int r = 0;

    if (!f)
        return fd < 0 ? fd : -EIO;
    fd = -1;
    while (r == 0 && fgets(line, sizeof(line), f)) {
        line[strcspn(line, "\n")] = '\0';
        r = cgfile_write(to, "cgroup.procs", "%s", line);
        if (r == -ESRCH)
            r = 0;
    }
    (void)fclose(f);
    return r;
}

#define CONTROLLERS "+cpu +memory +pids"

/* The controllers must be on in our own group, for the slot to have them. */
static int enable_own(int parent)
{
    int r = cgfile_write(parent, "cgroup.subtree_control", CONTROLLERS);

    if (r != -EBUSY)
        return r;
    auto_fd int leaf = cgfile_make(parent, "arena-daemon");
    if (leaf < 0)
        return leaf;
    r = move_all(parent, leaf);
    return r < 0 ? r : cgfile_write(parent, "cgroup.subtree_control", CONTROLLERS);
}

/* Our own group; a daemon that was moved into its leaf counts as being one above. */
static int open_parent(struct err *err)
{
    char path[PATH_MAX];

    if (cgfile_own("", path, sizeof(path)) < 0)
        return err_set(err, ENOENT, "no cgroup v2 hierarchy");
    size_t len = strlen(path), tail = strlen("/arena-daemon");
    if (len > tail && strcmp(path + len - tail, "/arena-daemon") == 0)
        path[len - tail] = '\0';
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? err_errno(err, "%s", path) : fd;
}

static int make_run(struct cgroup2 *c)
{
    (void)snprintf(c->run_name, sizeof(c->run_name), "run.%u", c->serial++);
    c->run = cgfile_make(c->slot, c->run_name);
    if (c->run < 0)
        return c->run;
    if (fchownat(c->run, "cgroup.procs", c->owner, (gid_t)-1, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    return 0;
}

int cgroup2_new(struct cgroup2 *c, const char *name, bool controllers, uid_t owner, struct err *err)
{
    *c = (struct cgroup2){.parent = -1, .slot = -1, .stage = -1, .run = -1, .owner = owner};
    c->peak = c->events = c->cpu_stat = c->pids_events = c->pressure = c->inotify = -1;
    c->controllers = controllers;
    c->parent = open_parent(err);
    if (c->parent < 0)
        return c->parent;
    int r = controllers ? enable_own(c->parent) : 0;
    if (r < 0)
        return err_set(err, r, "cgroup v2 controllers: %s", strerror(-r));
    cgfile_sweep(c->parent);
    c->slot = cgfile_make(c->parent, name);
    if (c->slot < 0)
        return err_set(err, c->slot, "cgroup v2 mkdir: %s", strerror(-c->slot));
    r = controllers ? cgfile_write(c->slot, "cgroup.subtree_control", CONTROLLERS) : 0;
    if (r < 0)
        return err_set(err, r, "cgroup v2 slot: %s", strerror(-r));
    if (fchownat(c->slot, "cgroup.procs", owner, (gid_t)-1, AT_SYMLINK_NOFOLLOW) < 0)
        return err_errno(err, "cgroup v2 chown");
    c->stage = cgfile_make(c->slot, "stage");
    if (c->stage < 0)
        return err_set(err, c->stage, "cgroup v2 mkdir: %s", strerror(-c->stage));
    r = controllers ? 0 : make_run(c);
    if (r == 0 && !controllers)
        r = faccessat(c->run, "cgroup.kill", W_OK, 0) < 0 ? -errno : 0;
    return r < 0 ? err_set(err, r, "cgroup v2 run: %s", strerror(-r)) : 0;
}

void cgroup2_free(struct cgroup2 *c, const char *name)
{
    shut(&c->peak);
    shut(&c->events);
    shut(&c->cpu_stat);
    shut(&c->pids_events);
    shut(&c->pressure);
    shut(&c->inotify);
    shut(&c->stage);
    if (c->slot >= 0) {
        if (c->run >= 0)
            (void)unlinkat(c->slot, c->run_name, AT_REMOVEDIR);
        (void)unlinkat(c->slot, "stage", AT_REMOVEDIR);
    }
    shut(&c->run);
    shut(&c->slot);
    if (c->parent >= 0)
        (void)unlinkat(c->parent, name, AT_REMOVEDIR);
    shut(&c->parent);
}

int cgroup2_add(struct cgroup2 *c, pid_t pid, struct err *err)
{
    int r = cgfile_write(c->stage, "cgroup.procs", "%d", (int)pid);

    return r < 0 ? err_set(err, r, "cgroup v2: %s", strerror(-r)) : 0;
}

static int set_limits(struct cgroup2 *c, const struct step_limits *l)
{
    const uint64_t quota = l->cpu_share * PERIOD_US / 1000;
    int r = cgfile_write_u64(c->run, "memory.max", l->memory + CGROUP_SPARE);

    /* Without swap there is no such file. */
    (void)cgfile_write(c->run, "memory.swap.max", "0");
    if (r == 0)
        r = cgfile_write(c->run, "memory.oom.group", "1");
    if (r == 0)
        r = cgfile_write_u64(c->run, "pids.max", l->processes + 1);
    if (r == 0 && l->cpu_share)
        r = cgfile_write(c->run, "cpu.max", "%" PRIu64 " %d", quota > 1000 ? quota : 1000,
                         PERIOD_US);
    return r;
}

static int watch(struct cgroup2 *c)
{
    char path[64];

    c->peak = cgfile_open(c->run, "memory.peak", O_RDONLY);
    c->events = cgfile_open(c->run, "memory.events", O_RDONLY);
    c->cpu_stat = cgfile_open(c->run, "cpu.stat", O_RDONLY);
    c->pids_events = cgfile_open(c->run, "pids.events", O_RDONLY);
    c->pressure = cgfile_open(c->run, "cpu.pressure", O_RDONLY);
    if (c->events < 0 || c->cpu_stat < 0)
        return -ENOENT;
    c->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", c->events);
    return c->inotify < 0 || inotify_add_watch(c->inotify, path, IN_MODIFY) < 0 ? -errno : 0;
}

int cgroup2_begin(struct cgroup2 *c, const struct step_limits *limits, struct err *err)
{
    if (!c->controllers)
        return 0;
    cgroup2_end(c);
    int r = make_run(c);
    if (r == 0)
        r = set_limits(c, limits);
    if (r == 0)
        r = watch(c);
    return r < 0 ? err_set(err, r, "cgroup v2 run: %s", strerror(-r)) : 0;
}

uint64_t cgroup2_oom_read(struct cgroup2 *c)
{
    char waste[4096];

    while (read(c->inotify, waste, sizeof(waste)) > 0)
        continue;
    return cgfile_key(c->events, "oom_kill");
}

bool cgroup2_cpu(const struct cgroup2 *c, uint64_t *ret_us)
{
    if (c->cpu_stat < 0)
        return false;
    *ret_us = cgfile_key(c->cpu_stat, "usage_usec");
    return true;
}

/* "some avg10=0.00 avg60=0.00 avg300=0.00 total=123" */
static uint64_t pressure(int fd)
{
    char text[256];
    ssize_t n = fd < 0 ? -1 : pread(fd, text, sizeof(text) - 1, 0);

    if (n <= 0)
        return 0;
    text[n] = '\0';
    const char *total = strstr(text, "total=");
    return total ? strtoull(total + strlen("total="), NULL, 10) : 0;
}

void cgroup2_use(const struct cgroup2 *c, struct cgroup_use *ret_use)
{
    *ret_use = (struct cgroup_use){0};
    (void)cgroup2_cpu(c, &ret_use->cpu_us);
    (void)cgfile_u64(c->peak, &ret_use->memory_peak);
    ret_use->oom_kills = cgfile_key(c->events, "oom_kill");
    ret_use->forks_refused = cgfile_key(c->pids_events, "max");
    ret_use->pressure_us = pressure(c->pressure);
    ret_use->throttled_us = cgfile_key(c->cpu_stat, "throttled_usec");
}

bool cgroup2_kill(struct cgroup2 *c)
{
    c->killed = c->run >= 0 && cgfile_write(c->run, "cgroup.kill", "1") == 0;
    return c->killed;
}

/* Linux 6.18 compares the kill count of a clone's old group with that of its new one, so whatever
 * is cloned into a group that was once killed is killed too: such a group is not used again. */
int cgroup2_renew(struct cgroup2 *c, struct err *err)
{
    if (!c->killed || c->controllers)
        return 0;
    c->killed = false;
    shut(&c->run);
    (void)unlinkat(c->slot, c->run_name, AT_REMOVEDIR);
    int r = make_run(c);
    return r < 0 ? err_set(err, r, "cgroup v2 run: %s", strerror(-r)) : 0;
}

void cgroup2_end(struct cgroup2 *c)
{
    if (!c->controllers || c->run < 0)
        return;
    shut(&c->peak);
    shut(&c->events);
    shut(&c->cpu_stat);
    shut(&c->pids_events);
    shut(&c->pressure);
    shut(&c->inotify);
    shut(&c->run);
    (void)unlinkat(c->slot, c->run_name, AT_REMOVEDIR);
}
