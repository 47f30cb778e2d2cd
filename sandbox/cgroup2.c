/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works:
 *
 *     our own group/arena.PID.START/      the slot
 *                       stage/            the stages live here, without limits
 *                       run.N/            one init, born in it, limits on it
 *
 * An init that serves several runs needs a memory.peak that can be reset (Linux 6.12); without,
 * every run has an init and a group of its own.
 */
#include "sandbox/cgroup_impl.h"

#include "base/own.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <sys/inotify.h>

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

struct cgroup_run *cgroup2_run_new(struct cgroup2 *c)
{
    struct cgroup_run *r = own_calloc(1, sizeof(*r));

    r->of = c;
    r->peak = r->events = r->cpu_stat = r->pids_events = r->pids_current = r->pressure = -1;
    r->inotify = -1;
    (void)snprintf(r->name, sizeof(r->name), "run.%u", c->serial++);
    r->fd = cgfile_make(c->slot, r->name);
    if (r->fd >= 0 &&
        fchownat(r->fd, "cgroup.procs", c->owner, (gid_t)-1, AT_SYMLINK_NOFOLLOW) == 0)
        return r;
    cgroup2_run_free(r);
    return NULL;
}

void cgroup2_run_free(struct cgroup_run *r)
{
    int *const all[] = {&r->peak,     &r->events,  &r->cpu_stat, &r->pids_events,
                        &r->pressure, &r->inotify, &r->fd,       &r->pids_current};

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        shut(all[i]);
    (void)unlinkat(r->of->slot, r->name, AT_REMOVEDIR);
    free(r);
}

/* Tries what later is relied on: a group for an init, with what we need in it. */
static int try_run(struct cgroup2 *c)
{
    struct cgroup_run *r = cgroup2_run_new(c);

    if (!r)
        return -EACCES;
    int rc = faccessat(r->fd, "cgroup.kill", W_OK, 0) < 0 ? -errno : 0;
    auto_fd int peak = c->controllers ? cgfile_open(r->fd, "memory.peak", O_RDWR) : -1;
    c->resettable = peak >= 0 && write(peak, "0", 1) == 1;
    cgroup2_run_free(r);
    return c->controllers ? 0 : rc;
}

int cgroup2_new(struct cgroup2 *c, const char *name, bool controllers, uid_t owner, struct err *err)
{
    *c = (struct cgroup2){.parent = -1, .slot = -1, .stage = -1, .owner = owner};
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
    r = try_run(c);
    return r < 0 ? err_set(err, r, "cgroup v2 run: %s", strerror(-r)) : 0;
}

void cgroup2_free(struct cgroup2 *c, const char *name)
{
    shut(&c->stage);
    if (c->slot >= 0)
        (void)unlinkat(c->slot, "stage", AT_REMOVEDIR);
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

static int set_cpu(const struct cgroup_run *c, uint64_t share)
{
    const uint64_t quota = share * CGROUP_PERIOD_US / 1000;

    if (share == 0)
        return c->set.cpu_share ? cgfile_write(c->fd, "cpu.max", "max") : 0;
    return cgfile_write(c->fd, "cpu.max", "%" PRIu64 " %d", quota > 1000 ? quota : 1000,
                        CGROUP_PERIOD_US);
}

static int set_limits(struct cgroup_run *c, const struct step_limits *l)
{
    const bool first = c->set.memory == 0;
    int r = 0;

    if (first) {
        /* Without swap there is no such file. */
        (void)cgfile_write(c->fd, "memory.swap.max", "0");
        r = cgfile_write(c->fd, "memory.oom.group", "1");
    }
    if (r == 0 && c->set.memory != l->memory) {
        /* It may cost the group page cache, which was counted. */
        c->based = false;
        r = cgfile_write_u64(c->fd, "memory.max", l->memory + CGROUP_SPARE);
    }
    if (r == 0 && c->set.processes != l->processes)
        r = cgfile_write_u64(c->fd, "pids.max", l->processes + 1);
    if (r == 0 && c->set.cpu_share != l->cpu_share)
        r = set_cpu(c, l->cpu_share);
    c->set = r == 0 ? *l : (struct step_limits){0};
    return r;
}

static int watch(struct cgroup_run *c)
{
    char path[64];

    c->peak = cgfile_open(c->fd, "memory.peak", c->of->resettable ? O_RDWR : O_RDONLY);
    c->pids_current = cgfile_open(c->fd, "pids.current", O_RDONLY);
    c->events = cgfile_open(c->fd, "memory.events", O_RDONLY);
    c->cpu_stat = cgfile_open(c->fd, "cpu.stat", O_RDONLY);
    c->pids_events = cgfile_open(c->fd, "pids.events", O_RDONLY);
    c->pressure = cgfile_open(c->fd, "cpu.pressure", O_RDONLY);
    if (c->events < 0 || c->cpu_stat < 0)
        return -ENOENT;
    c->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", c->events);
    return c->inotify < 0 || inotify_add_watch(c->inotify, path, IN_MODIFY) < 0 ? -errno : 0;
}

/* Where a run begins to be counted. */
static void base(struct cgroup_run *c)
{
    c->base = (struct cgroup_use){0};
    cgroup2_use(c, &c->base);
    c->base.memory_peak = 0;
    c->based = true;
}

static bool has_oom_news(const struct cgroup_run *c)
{
    char waste[4096];
    bool any = false;

    while (read(c->inotify, waste, sizeof(waste)) > 0)
        any = true;
    return any;
}

int cgroup2_begin(struct cgroup_run *c, const struct step_limits *limits, struct err *err)
{
    int r = set_limits(c, limits);

    if (r == 0 && c->events < 0)
        r = watch(c);
    if (r < 0)
        return err_set(err, r, "cgroup v2 run: %s", strerror(-r));
    const bool news = has_oom_news(c);
    if (!c->based || news)
        base(c);
    c->based = false;
    /* Not before: what the dead had is given back when RCU gets to it. */
    if (c->of->resettable)
        (void)!write(c->peak, "0", 1);
    return 0;
}

void cgroup2_end(struct cgroup_run *c, bool waits)
{
    if (waits)
        base(c);
}

uint64_t cgroup2_oom_read(struct cgroup_run *c)
{
    (void)has_oom_news(c);
    return cgfile_key(c->events, "oom_kill") - c->base.oom_kills;
}

bool cgroup2_cpu(const struct cgroup_run *c, uint64_t *ret_us)
{
    if (c->cpu_stat < 0)
        return false;
    *ret_us = cgfile_key(c->cpu_stat, "usage_usec") - c->base.cpu_us;
    return true;
}

bool cgroup2_is_quiet(const struct cgroup_run *c)
{
    uint64_t now;

    return cgfile_u64(c->pids_current, &now) && now == 2;
}

void cgroup2_use(const struct cgroup_run *c, struct cgroup_use *ret_use)
{
    *ret_use = (struct cgroup_use){0};
    (void)cgroup2_cpu(c, &ret_use->cpu_us);
    (void)cgfile_u64(c->peak, &ret_use->memory_peak);
    ret_use->oom_kills = cgfile_key(c->events, "oom_kill") - c->base.oom_kills;
    ret_use->forks_refused = cgfile_key(c->pids_events, "max") - c->base.forks_refused;
    ret_use->pressure_us = cgfile_pressure(c->pressure) - c->base.pressure_us;
    ret_use->throttled_us = cgfile_key(c->cpu_stat, "throttled_usec") - c->base.throttled_us;
}

bool cgroup2_memory(const struct cgroup_run *c, struct cgroup_memory *ret_memory)
{
    auto_fd int max = cgfile_open(c->fd, "memory.max", O_RDONLY);
    auto_fd int current = cgfile_open(c->fd, "memory.current", O_RDONLY);
    struct cgroup_memory m = {0};

    if (!cgfile_u64(max, &m.most) || !cgfile_u64(current, &m.used))
        return false;
    if (cgroup_near(&m)) {
        auto_fd int stat = cgfile_open(c->fd, "memory.stat", O_RDONLY);

        m.held = cgfile_key(stat, "anon") + cgfile_key(stat, "shmem") + cgfile_key(stat, "kernel");
        m.refaulted = cgfile_refaulted(stat);
    }
    *ret_memory = m;
    return true;
}

bool cgroup2_kill(struct cgroup_run *c)
{
    bool killed = cgfile_write(c->fd, "cgroup.kill", "1") == 0;

    /* Processes need CPU time to die, and a group that has used up its share would wait for it.
     * Where the controller is not on, there is no such file. */
    (void)cgfile_write(c->fd, "cpu.max", "max");
    return killed;
}
