/* SPDX-License-Identifier: MPL-2.0 */
#include "sandbox/level.h"

#include "base/own.h"

#include <errno.h>

enum { LANDLOCK_PARTS = 2 }; /* the last ones */

static const char *const names[] = {
    [LEVEL_NONE] = "none", [LEVEL_LSM] = "lsm",   [LEVEL_NS_NOPROC] = "ns-noproc",
    [LEVEL_NS] = "ns",     [LEVEL_FULL] = "full",
};

enum level level_of(const struct isolation *i)
{
    if (!i->spaces)
        return i->landlock ? LEVEL_LSM : LEVEL_NONE;
    if (!i->proc)
        return LEVEL_NS_NOPROC;
    return i->cgroups ? LEVEL_FULL : LEVEL_NS;
}

const char *level_name(enum level l)
{
    return (unsigned)l < ARRAY_LEN(names) ? names[l] : "none";
}

int level_parse(const char *name, enum level *ret)
{
    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(name, names[i]) == 0) {
            *ret = (enum level)i;
            return 0;
        }
    }
    return -EINVAL;
}

void level_lacks(const struct isolation *i, char *ret, unsigned size)
{
    const struct {
        bool has;
        const char *what;
    } parts[] = {
#define X(id, what) {i->id, what},
        ISOLATION_PARTS(X)
#undef X
    };
    size_t used = 0;

    ret[0] = '\0';
    for (unsigned k = 0; k < ARRAY_LEN(parts); k++) {
        /* Landlock is the fence of those who have no namespaces; with them it adds nothing. */
        bool counts = !parts[k].has && (!i->spaces || k < ARRAY_LEN(parts) - LANDLOCK_PARTS);

        if (counts && used < size)
            used +=
                (size_t)snprintf(ret + used, size - used, "%s%s", used ? ", " : "", parts[k].what);
    }
}
