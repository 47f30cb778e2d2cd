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

    c->v2 = (struct cgroup2){.parent = -1, .slot = -1, .stage = -1, .run = -1};
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

int cgroup_begin(struct cgroup *c, const struct step_limits *limits, struct err *err)
{
    int r;

    switch (c->kind) {
    case CGROUP_V1:
        r = cgroup2_renew(&c->v2, err);
        return r < 0 ? r : cgroup1_begin(&c->v1, limits, err);
    case CGROUP_V2:
        return cgroup2_begin(&c->v2, limits, err);
    default:
        return 0;
    }
}

int cgroup_run_fd(const struct cgroup *c)
{
    return c->v2.run;
}

int cgroup_oom_fd(const struct cgroup *c)
{
    switch (c->kind) {
    case CGROUP_V1:
        return c->v1.oom_event;
    case CGROUP_V2:
        return c->v2.inotify;
    default:
        return -1;
    }
}

uint64_t cgroup_oom_read(struct cgroup *c)
{
    switch (c->kind) {
    case CGROUP_V1:
        return cgroup1_oom_read(&c->v1);
    case CGROUP_V2:
        return cgroup2_oom_read(&c->v2);
    default:
        return 0;
    }
}

bool cgroup_cpu(const struct cgroup *c, uint64_t *ret_us)
{
    switch (c->kind) {
    case CGROUP_V1:
        return cgroup1_cpu(&c->v1, ret_us);
    case CGROUP_V2:
        return cgroup2_cpu(&c->v2, ret_us);
    default:
        return false;
    }
}

void cgroup_use(const struct cgroup *c, struct cgroup_use *ret_use)
{
    *ret_use = (struct cgroup_use){0};
    if (c->kind == CGROUP_V1)
        cgroup1_use(&c->v1, ret_use);
    else if (c->kind == CGROUP_V2)
        cgroup2_use(&c->v2, ret_use);
}

bool cgroup_kill(struct cgroup *c)
{
    return cgroup2_kill(&c->v2);
}

void cgroup_end(struct cgroup *c)
{
    if (c->kind == CGROUP_V1) {
        cgroup1_end(&c->v1);
    } else if (c->kind == CGROUP_V2)
        cgroup2_end(&c->v2);
}
