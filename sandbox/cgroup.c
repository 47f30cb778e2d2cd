/* SPDX-License-Identifier: MPL-2.0 */
#include "sandbox/cgroup.h"

#include "base/own.h"
#include "sandbox/cgroup_impl.h"

#include <errno.h>
#include <limits.h>

/* Is the machine one of v2 only? Then memory is a controller of our own group there. */
static bool is_v2(void)
{
    char path[PATH_MAX];

    return cgfile_own("memory", path, sizeof(path)) < 0 && cgfile_own("", path, sizeof(path)) == 0;
}

struct cgroup *cgroup_new(uid_t owner, struct err *ret_why)
{
    struct cgroup *c = own_calloc(1, sizeof(*c));

    c->v2 = (struct cgroup2){.parent = -1, .slot = -1, .stage = -1};
    cgfile_name(c->name, sizeof(c->name));
    if (is_v2()) {
        if (cgroup2_new(&c->v2, c->name, true, owner, ret_why) == 0)
            c->kind = CGROUP_V2;
        else
            cgroup2_free(&c->v2, c->name);
        return c;
    }
    if (cgroup1_new(&c->v1, c->name, ret_why) < 0) {
        cgroup1_free(&c->v1, c->name);
        return c;
    }
    c->kind = CGROUP_V1;
    if (cgroup2_new(&c->v2, c->name, false, owner, NULL) < 0)
        cgroup2_free(&c->v2, c->name);
    return c;
}

void cgroup_free(struct cgroup *c)
{
    if (!c)
        return;
    if (c->kind == CGROUP_V1)
        cgroup1_free(&c->v1, c->name);
    if (c->v2.parent >= 0)
        cgroup2_free(&c->v2, c->name);
    free(c);
}

enum cgroup_kind cgroup_kind(const struct cgroup *c)
{
    return c->kind;
}

int cgroup_add(struct cgroup *c, pid_t stage, struct err *err)
{
    int r = c->kind == CGROUP_V1 ? cgroup1_add(&c->v1, stage, err) : 0;

    return r == 0 && c->v2.stage >= 0 ? cgroup2_add(&c->v2, stage, err) : r;
}

struct cgroup_run *cgroup_run_new(struct cgroup *c)
{
    return c->v2.slot >= 0 ? cgroup2_run_new(&c->v2) : NULL;
}

void cgroup_run_free(struct cgroup_run *run)
{
    if (run)
        cgroup2_run_free(run);
}

int cgroup_run_fd(const struct cgroup_run *run)
{
    return run ? run->fd : -1;
}

bool cgroup_reusable(const struct cgroup *c)
{
    return c->kind == CGROUP_V1 || (c->kind == CGROUP_V2 && c->v2.resettable);
}

int cgroup_begin(struct cgroup *c, struct cgroup_run *run, const struct step_limits *limits,
                 unsigned waiting, struct err *err)
{
    c->now = run;
    if (c->kind == CGROUP_V1)
        return cgroup1_begin(&c->v1, limits, waiting, err);
    if (c->kind == CGROUP_V2)
        return run ? cgroup2_begin(run, limits, err) : err_set(err, EIO, "no cgroup v2 group");
    return 0;
}

int cgroup_oom_fd(const struct cgroup *c)
{
    if (c->kind == CGROUP_V1)
        return c->v1.oom_event;
    return c->kind == CGROUP_V2 && c->now ? c->now->inotify : -1;
}

uint64_t cgroup_oom_read(struct cgroup *c)
{
    if (c->kind == CGROUP_V1)
        return cgroup1_oom_read(&c->v1);
    return c->kind == CGROUP_V2 && c->now ? cgroup2_oom_read(c->now) : 0;
}

bool cgroup_cpu(const struct cgroup *c, uint64_t *ret_us)
{
    if (c->kind == CGROUP_V1)
        return cgroup1_cpu(&c->v1, ret_us);
    return c->kind == CGROUP_V2 && c->now && cgroup2_cpu(c->now, ret_us);
}

void cgroup_use(const struct cgroup *c, struct cgroup_use *ret_use)
{
    *ret_use = (struct cgroup_use){0};
    if (c->kind == CGROUP_V1)
        cgroup1_use(&c->v1, ret_use);
    else if (c->kind == CGROUP_V2 && c->now)
        cgroup2_use(c->now, ret_use);
}

bool cgroup_memory(const struct cgroup *c, struct cgroup_memory *ret_memory)
{
    if (c->kind == CGROUP_V1)
        return cgroup1_memory(&c->v1, ret_memory);
    return c->kind == CGROUP_V2 && c->now && cgroup2_memory(c->now, ret_memory);
}

bool cgroup_near(const struct cgroup_memory *m)
{
    return m->used >= m->most - m->most / 8;
}

bool cgroup_kill(struct cgroup *c)
{
    bool all = c->now && cgroup2_kill(c->now);

    if (c->kind == CGROUP_V1)
        cgroup1_hurry(&c->v1);
    return all;
}

bool cgroup_is_quiet(const struct cgroup *c)
{
    if (c->kind == CGROUP_V1)
        return cgroup1_is_quiet(&c->v1);
    return c->kind != CGROUP_V2 || !c->now || cgroup2_is_quiet(c->now);
}

void cgroup_admit(struct cgroup *c)
{
    if (c->kind == CGROUP_V1)
        cgroup1_admit(&c->v1);
}

void cgroup_end(struct cgroup *c, bool waits)
{
    if (c->kind == CGROUP_V1)
        cgroup1_end(&c->v1, waits);
    else if (c->kind == CGROUP_V2 && c->now)
        cgroup2_end(c->now, waits);
    c->now = NULL;
}
