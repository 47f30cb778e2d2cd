/* SPDX-License-Identifier: MPL-2.0 */
#include "sandbox/mitigation.h"

#include "base/own.h"

#include <errno.h>
#include <stdint.h>
#include <sys/prctl.h>

/* linux/prctl.h of Linux 5.14; older headers have not all of them. */
enum {
    SPEC_GET = 52,
    SPEC_SET = 53,
    SPEC_STORES = 0,
    SPEC_BRANCHES = 1,
    SPEC_CONTROLLABLE = 1,
    SPEC_FORCE_DISABLE = 1 << 3,
    SCHED_CORE = 62,
    SCHED_CORE_GET = 0,
    SCHED_CORE_CREATE = 1,
    SCOPE_THREAD = 0,
    SCOPE_GROUP = 1
};

static const char *const names[] = {
#define X(id, name) [MITIGATION_##id] = name,
    MITIGATIONS(X)
#undef X
};

const char *mitigation_name(enum mitigation m)
{
    return names[m];
}

static int find(const char *name, size_t len)
{
    for (int i = 0; i < MITIGATION_N; i++)
        if (strlen(names[i]) == len && memcmp(names[i], name, len) == 0)
            return i;
    return -EINVAL;
}

int mitigation_parse(const char *list, unsigned *ret_set)
{
    unsigned set = 0;

    if (strcmp(list, "none") == 0) {
        *ret_set = 0;
        return 0;
    }
    for (const char *p = list;; p++) {
        size_t n = strcspn(p, ",");
        int i = find(p, n);

        if (i < 0)
            return i;
        set |= 1U << i;
        p += n;
        if (!*p)
            break;
    }
    *ret_set = set;
    return 0;
}

int mitigation_try(enum mitigation m)
{
    uint64_t cookie = 0;
    int r;

    if (m == MITIGATION_CORE)
        return prctl(SCHED_CORE, SCHED_CORE_GET, 0, SCOPE_THREAD, &cookie) < 0 ? -errno : 0;
    r = prctl(SPEC_GET, m == MITIGATION_STORES ? SPEC_STORES : SPEC_BRANCHES, 0, 0, 0);
    if (r < 0)
        return -errno;
    /* Not affected, or not to be changed for one process: there is nothing to do. */
    return r & SPEC_CONTROLLABLE ? 0 : -ENXIO;
}

unsigned mitigation_available(unsigned wanted)
{
    unsigned set = 0;

    for (unsigned i = 0; i < MITIGATION_N; i++)
        if ((wanted & (1U << i)) && mitigation_try((enum mitigation)i) == 0)
            set |= 1U << i;
    return set;
}

static int disable(int what)
{
    return prctl(SPEC_SET, what, SPEC_FORCE_DISABLE, 0, 0) < 0 ? -errno : 0;
}

int mitigation_apply(unsigned set)
{
    int r = 0;

    /* A cookie of its own, which its children inherit. */
    if ((set & (1U << MITIGATION_CORE)) &&
        prctl(SCHED_CORE, SCHED_CORE_CREATE, 0, SCOPE_GROUP, 0) < 0)
        return -errno;
    if (set & (1U << MITIGATION_BRANCHES))
        r = disable(SPEC_BRANCHES);
    if (r == 0 && (set & (1U << MITIGATION_STORES)))
        r = disable(SPEC_STORES);
    return r;
}
