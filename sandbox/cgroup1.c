/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works: one directory per controller, made once. Stages sit in it, a run inherits
 * it. Limits are written when they differ from the last run's. Counters that can be reset
 * are (memory peak); the others are read at the start and subtracted. Stages are in the
 * group too: what they hold is measured when one was added, and added to the memory limit.
 */
#include "sandbox/cgroup_impl.h"

#include "base/own.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/membarrier.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>

static const char *const names[CGROUP1_N] = {
#define X(id, name) [CGROUP1_##id] = name,
    CGROUP1_CONTROLLERS(X)
#undef X
};

enum {
    LEFTOVERS = 16 * LIMIT_MIB,
    GRACE_PERIODS = 4,
    /* The kernel charges memory in batches of 64 pages: what is measured may be short of one. */
    CHARGE_BATCH = 256 * LIMIT_KIB,
};

/* The kernel's news of an OOM, as an eventfd. */
static int watch_oom(struct cgroup1 *c)
{
    int dir = c->dir[CGROUP1_MEMORY];

    c->oom_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (c->oom_event < 0)
        return -errno;
    return cgfile_write(dir, "cgroup.event_control", "%d %d", c->oom_event, c->oom_control);
}

static int open_files(struct cgroup1 *c)
{
    c->cpu_usage = cgfile_open(c->dir[CGROUP1_CPUACCT], "cpuacct.usage", O_RDONLY);
    c->cpu_stat = cgfile_open(c->dir[CGROUP1_CPU], "cpu.stat", O_RDONLY);
    c->peak = cgfile_open(c->dir[CGROUP1_MEMORY], "memory.max_usage_in_bytes", O_RDWR);
    c->usage = cgfile_open(c->dir[CGROUP1_MEMORY], "memory.usage_in_bytes", O_RDONLY);
    c->oom_control = cgfile_open(c->dir[CGROUP1_MEMORY], "memory.oom_control", O_RDONLY);
    c->pids_events = cgfile_open(c->dir[CGROUP1_PIDS], "pids.events", O_RDONLY);
    c->pids_current = cgfile_open(c->dir[CGROUP1_PIDS], "pids.current", O_RDONLY);
    c->pids_max_fd = cgfile_open(c->dir[CGROUP1_PIDS], "pids.max", O_WRONLY);
    const int all[] = {c->pids_max_fd, c->cpu_usage,   c->cpu_stat,    c->peak,
                       c->usage,       c->oom_control, c->pids_events, c->pids_current};
    for (unsigned i = 0; i < ARRAY_LEN(all); i++)
        if (all[i] < 0)
            return all[i];
    return watch_oom(c);
}

static int make(struct cgroup1 *c, enum cgroup1_controller i, const char *name, struct err *err)
{
    char path[PATH_MAX];

    if (cgfile_own(names[i], path, sizeof(path)) < 0)
        return err_set(err, ENOENT, "no cgroup v1 hierarchy for %s", names[i]);
    c->parent[i] = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (c->parent[i] < 0)
        return err_errno(err, "%s", path);
    cgfile_sweep(c->parent[i]);
    c->dir[i] = cgfile_make(c->parent[i], name);
    if (c->dir[i] < 0)
        return err_set(err, c->dir[i], "mkdir in %s: %s", path, strerror(-c->dir[i]));
    return 0;
}

int cgroup1_new(struct cgroup1 *c, const char *name, struct err *err)
{
    for (unsigned i = 0; i < CGROUP1_N; i++)
        c->parent[i] = c->dir[i] = -1;
    c->cpu_usage = c->peak = c->oom_control = c->pids_events = c->usage = c->pids_current = -1;
    c->cpu_stat = c->oom_event = c->pids_max_fd = -1;
    for (unsigned i = 0; i < CGROUP1_N; i++) {
        int r = make(c, (enum cgroup1_controller)i, name, err);

        if (r < 0)
            return r;
    }
    int r = open_files(c);
    return r < 0 ? err_set(err, r, "cgroup v1 files: %s", strerror(-r)) : 0;
}

static void shut(int fd)
{
    if (fd >= 0)
        (void)close(fd);
}

void cgroup1_free(struct cgroup1 *c, const char *name)
{
    shut(c->cpu_usage);
    shut(c->cpu_stat);
    shut(c->peak);
    shut(c->usage);
    shut(c->oom_control);
    shut(c->pids_events);
    shut(c->pids_current);
    shut(c->oom_event);
    shut(c->pids_max_fd);
    for (unsigned i = 0; i < CGROUP1_N; i++) {
        shut(c->dir[i]);
        if (c->parent[i] >= 0)
            (void)unlinkat(c->parent[i], name, AT_REMOVEDIR);
        shut(c->parent[i]);
    }
}

int cgroup1_add(struct cgroup1 *c, pid_t pid, struct err *err)
{
    for (unsigned i = 0; i < CGROUP1_N; i++) {
        int r = cgfile_write(c->dir[i], "cgroup.procs", "%d", (int)pid);

        if (r < 0)
            return err_set(err, r, "cgroup v1 %s: %s", names[i], strerror(-r));
    }
    c->measured = false;
    cgroup1_admit(c);
    return 0;
}

/* What the processes in the group have, and the kernel for them. */
static uint64_t own_memory(const struct cgroup1 *c, int stat)
{
    auto_fd int kmem = cgfile_open(c->dir[CGROUP1_MEMORY], "memory.kmem.usage_in_bytes", O_RDONLY);
    uint64_t kernel = 0;

    (void)cgfile_u64(kmem, &kernel);
    return cgfile_key(stat, "rss") + kernel;
}

/* What the group holds while no run is in it and that cannot be reclaimed. */
static void measure(struct cgroup1 *c)
{
    auto_fd int stat = cgfile_open(c->dir[CGROUP1_MEMORY], "memory.stat", O_RDONLY);

    c->stages_memory = own_memory(c, stat);
    c->measured = true;
}

static uint64_t memory_max(const struct cgroup1 *c, const struct step_limits *l)
{
    return l->memory + c->stages_memory + CGROUP_SPARE;
}

static int set_memory(struct cgroup1 *c, uint64_t bytes)
{
    int dir = c->dir[CGROUP1_MEMORY];

    /* memsw may not be under the limit at any moment; it is there only with swap accounting. */
    (void)cgfile_write(dir, "memory.memsw.limit_in_bytes", "-1");
    int r = cgfile_write_u64(dir, "memory.limit_in_bytes", bytes);
    (void)cgfile_write_u64(dir, "memory.memsw.limit_in_bytes", bytes);
    return r;
}

static int set_cpu(struct cgroup1 *c, uint64_t share)
{
    int dir = c->dir[CGROUP1_CPU];

    if (share == 0)
        return cgfile_write(dir, "cpu.cfs_quota_us", "-1");
    int r = cgfile_write(dir, "cpu.cfs_period_us", "%d", CGROUP_PERIOD_US);
    return r < 0 ? r
                 : cgfile_write(dir, "cpu.cfs_quota_us", "%" PRIu64,
                                share * CGROUP_PERIOD_US / 1000 > 1000
                                    ? share * CGROUP_PERIOD_US / 1000
                                    : 1000);
}

static int set_processes(struct cgroup1 *c, uint64_t most)
{
    char text[24];
    int n = snprintf(text, sizeof(text), "%" PRIu64, most);

    return pwrite(c->pids_max_fd, text, (size_t)n, 0) == n ? 0 : -errno;
}

/* Where a run begins to be counted. */
static int base(struct cgroup1 *c)
{
    uint64_t old;

    (void)!pwrite(c->peak, "0", 1, 0);
    (void)!read(c->oom_event, &old, sizeof(old));
    if (!cgfile_u64(c->cpu_usage, &c->base_cpu_ns) || !cgfile_u64(c->usage, &c->base_usage))
        return -EIO;
    (void)cgfile_u64(c->pids_current, &c->base_pids);
    /* What dies between two runs, a stage say, is counted too. */
    c->base_oom = cgfile_key(c->oom_control, "oom_kill");
    c->base_refused = cgfile_key(c->pids_events, "max");
    c->based = true;
    return 0;
}

static bool has_oom_news(const struct cgroup1 *c)
{
    uint64_t n;

    return read(c->oom_event, &n, sizeof(n)) == sizeof(n);
}

/* Page tables and kernel memory of the dead are given back when RCU gets to it, which may be after
 * the base was read: then the peak starts from less. */
static void lower_memory(struct cgroup1 *c)
{
    uint64_t now;

    if (!cgfile_u64(c->usage, &now) || now >= c->base_usage)
        return;
    c->base_usage = now;
    (void)!pwrite(c->peak, "0", 1, 0);
}

static int set_limits(struct cgroup1 *c, const struct step_limits *l, unsigned waiting)
{
    const bool first = !c->measured;
    int r = 0;

    if (first)
        measure(c);
    if (first || c->set.memory != l->memory) {
        /* It may cost the group page cache, which was counted. */
        c->based = false;
        r = set_memory(c, memory_max(c, l));
    }
    if (r == 0 && (!c->based || has_oom_news(c)))
        r = base(c);
    else
        lower_memory(c);
    const uint64_t pids_max = c->base_pids - waiting + l->processes;
    if (r == 0 && (first || c->pids_max != pids_max)) {
        c->pids_max = pids_max;
        r = set_processes(c, c->pids_max);
    }
    if (r == 0 && (first || c->set.cpu_share != l->cpu_share))
        r = set_cpu(c, l->cpu_share);
    return r;
}

int cgroup1_begin(struct cgroup1 *c, const struct step_limits *limits, unsigned waiting,
                  struct err *err)
{
    int r = set_limits(c, limits, waiting);

    if (r < 0) {
        c->measured = false;
        return err_set(err, r, "cgroup v1 limits: %s", strerror(-r));
    }
    c->set = *limits;
    c->based = false;
    c->throttles = limits->cpu_share != 0;
    if (c->throttles)
        c->base_throttled_ns = cgfile_key(c->cpu_stat, "throttled_time");
    return 0;
}

uint64_t cgroup1_oom_read(struct cgroup1 *c)
{
    uint64_t n;

    (void)!read(c->oom_event, &n, sizeof(n));
    return cgfile_key(c->oom_control, "oom_kill") - c->base_oom;
}

bool cgroup1_cpu(const struct cgroup1 *c, uint64_t *ret_us)
{
    uint64_t ns;

    if (!cgfile_u64(c->cpu_usage, &ns))
        return false;
    *ret_us = (ns - c->base_cpu_ns) / 1000;
    return true;
}

void cgroup1_use(const struct cgroup1 *c, struct cgroup_use *ret_use)
{
    uint64_t peak = 0;

    *ret_use = (struct cgroup_use){0};
    (void)cgroup1_cpu(c, &ret_use->cpu_us);
    if (cgfile_u64(c->peak, &peak) && peak > c->base_usage)
        ret_use->memory_peak = peak - c->base_usage + CHARGE_BATCH;
    ret_use->oom_kills = cgfile_key(c->oom_control, "oom_kill") - c->base_oom;
    ret_use->forks_refused = cgfile_key(c->pids_events, "max") - c->base_refused;
    if (c->throttles)
        ret_use->throttled_us =
            (cgfile_key(c->cpu_stat, "throttled_time") - c->base_throttled_ns) / 1000;
}

bool cgroup1_memory(const struct cgroup1 *c, struct cgroup_memory *ret_memory)
{
    struct cgroup_memory m = {.most = memory_max(c, &c->set)};

    if (!cgfile_u64(c->usage, &m.used))
        return false;
    if (cgroup_near(&m)) {
        auto_fd int stat = cgfile_open(c->dir[CGROUP1_MEMORY], "memory.stat", O_RDONLY);

        m.held = own_memory(c, stat) + cgfile_key(stat, "shmem");
        m.refaulted = cgfile_refaulted(stat);
    }
    *ret_memory = m;
    return true;
}

/* Processes need CPU time to die, and a group that has used up its share would wait for more. */
void cgroup1_hurry(struct cgroup1 *c)
{
    if (c->set.cpu_share == 0)
        return;
    c->set.cpu_share = 0;
    (void)set_cpu(c, 0);
}

bool cgroup1_is_quiet(const struct cgroup1 *c)
{
    uint64_t now;

    return cgfile_u64(c->pids_current, &now) && now == c->base_pids;
}

static bool has_leftovers(const struct cgroup1 *c)
{
    uint64_t now = 0;

    return cgfile_u64(c->usage, &now) && now > c->stages_memory + LEFTOVERS;
}

void cgroup1_admit(struct cgroup1 *c)
{
    c->based = false;
    if (c->pids_max == 0)
        return;
    c->pids_max = 0;
    (void)!pwrite(c->pids_max_fd, "max", 3, 0);
}

/* Page cache that a run brought in is charged to the group for as long as it stays; when that is
 * much, it is given back, or the next run's peak would start from it. Page tables of the dead go a
 * grace period of RCU after them: a global membarrier is how to wait for one. */
static void give_back(struct cgroup1 *c)
{
    if (!has_leftovers(c))
        return;
    (void)cgfile_write(c->dir[CGROUP1_MEMORY], "memory.force_empty", "0");
    for (int i = 0; i < GRACE_PERIODS && has_leftovers(c); i++)
        if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) < 0)
            return;
}

void cgroup1_end(struct cgroup1 *c, bool waits)
{
    if (!waits)
        cgroup1_admit(c);
    give_back(c);
    if (waits)
        (void)base(c);
}
