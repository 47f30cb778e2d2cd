/* SPDX-License-Identifier: MPL-2.0 */
#include "sandbox/profile.h"

#include "base/own.h"
#include "sandbox/profile_data.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <strings.h>
#include <sys/stat.h>

enum { FILE_MAX = 64 * LIMIT_KIB, SET_MAX = 64 };

struct profile_set {
    struct profile *at[SET_MAX];
    uint32_t n;
};

void profile_list_free(struct profile_list *l)
{
    char **at;

    memcpy(&at, &l->at, sizeof(at));
    for (uint32_t i = 0; i < l->n; i++)
        free(at[i]);
    free(at);
    *l = (struct profile_list){0};
}

static void phase_free(struct profile_phase *ph)
{
    struct profile_list *lists[] = {&ph->argv,  &ph->outputs,  &ph->environment,
                                    &ph->binds, &ph->syscalls, &ph->memory_errors};

    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        profile_list_free(lists[i]);
    free(ph);
}

void profile_free(struct profile *p)
{
    if (!p)
        return;
    if (p->compile)
        phase_free(p->compile);
    if (p->run)
        phase_free(p->run);
    profile_list_free(&p->aliases);
    profile_list_free(&p->extensions);
    profile_list_free(&p->paths);
    profile_list_free(&p->version_argv);
    free(p->name);
    free(p->title);
    free(p->source_name);
    free(p->example);
    free(p->root);
    free(p->version_phase);
    free(p->version_prefix);
    free(p->json);
    free(p);
}

static int read_file(int dir, const char *name, struct buf *ret, struct err *err)
{
    auto_fd int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    ssize_t n = 1;

    if (fd < 0)
        return err_errno(err, "%s", name);
    while (n > 0) {
        uint8_t *to = buf_reserve(ret, 4096);

        if (!to)
            return err_set(err, EFBIG, "%s: larger than a profile may be", name);
        n = read(fd, to, 4096);
        if (n < 0)
            return err_errno(err, "%s", name);
        ret->len += (size_t)n;
    }
    return 0;
}

static const char *taken(const struct profile_set *set, const struct profile *p)
{
    if (profile_find(set, p->name))
        return p->name;
    for (uint32_t i = 0; i < p->aliases.n; i++)
        if (profile_find(set, p->aliases.at[i]))
            return p->aliases.at[i];
    return NULL;
}

static int load_one(struct profile_set *set, int dir, const char *name, struct err *err)
{
    auto_buf struct buf b;
    struct profile *p;
    const char *twice;
    int r;

    buf_init(&b, FILE_MAX);
    r = read_file(dir, name, &b, err);
    if (r < 0)
        return r;
    p = profile_parse(name, b.data ? (char *)b.data : "", b.len, err);
    if (!p)
        return -EINVAL;
    twice = taken(set, p);
    if (twice)
        r = err_set(err, EEXIST, "%s: %s is another language's name", name, twice);
    else if (set->n == SET_MAX)
        r = err_set(err, E2BIG, "%s: too many languages", name);
    if (r < 0) {
        profile_free(p);
        return r;
    }
    set->at[set->n++] = p;
    return 0;
}

static int json_only(const struct dirent *d)
{
    return d->d_name[0] != '.' && fnmatch("*.json", d->d_name, 0) == 0;
}

struct profile_set *profile_set_load(const char *dir, struct err *err)
{
    auto_fd int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct profile_set *set;
    struct dirent **names;
    int n, r = 0;

    if (fd < 0) {
        (void)err_errno(err, "profiles %s", dir);
        return NULL;
    }
    n = scandirat(fd, ".", &names, json_only, alphasort);
    if (n < 0) {
        (void)err_errno(err, "profiles %s", dir);
        return NULL;
    }
    set = own_calloc(1, sizeof(*set));
    for (int i = 0; i < n; i++) {
        if (r == 0)
            r = load_one(set, fd, names[i]->d_name, err);
        free(names[i]);
    }
    free(names);
    if (r == 0 && set->n == 0)
        r = err_set(err, ENOENT, "no profiles");
    if (r < 0) {
        (void)err_wrap(err, "profiles %s", dir);
        profile_set_free(set);
        return NULL;
    }
    return set;
}

void profile_set_free(struct profile_set *set)
{
    if (!set)
        return;
    for (uint32_t i = 0; i < set->n; i++)
        profile_free(set->at[i]);
    free(set);
}

uint32_t profile_set_len(const struct profile_set *set)
{
    return set->n;
}

const struct profile *profile_set_at(const struct profile_set *set, uint32_t i)
{
    return i < set->n ? set->at[i] : NULL;
}

const struct profile *profile_find(const struct profile_set *set, const char *name)
{
    for (uint32_t i = 0; i < set->n; i++) {
        const struct profile *p = set->at[i];

        if (strcasecmp(p->name, name) == 0)
            return p;
        for (uint32_t j = 0; j < p->aliases.n; j++)
            if (strcasecmp(p->aliases.at[j], name) == 0)
                return p;
    }
    return NULL;
}

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);

    return n > m && strcmp(s + n - m, end) == 0;
}

bool profile_is_source(const struct profile *p, const char *file)
{
    for (uint32_t i = 0; i < p->extensions.n; i++)
        if (ends_with(file, p->extensions.at[i]))
            return true;
    return false;
}

const struct profile *profile_find_file(const struct profile_set *set, const char *file)
{
    for (uint32_t i = 0; i < set->n; i++)
        if (profile_is_source(set->at[i], file))
            return set->at[i];
    return NULL;
}

const char *profile_name(const struct profile *p)
{
    return p->name;
}

const char *profile_missing(const struct profile *p)
{
    return p->missing;
}

struct span profile_json(const struct profile *p)
{
    return (struct span){(const uint8_t *)p->json, p->json_len};
}

bool profile_compiles(const struct profile *p)
{
    return p->compile != NULL;
}

const char *profile_source_name(const struct profile *p)
{
    return p->source_name;
}

const char *profile_root(const struct profile *p)
{
    return p->root;
}

const struct profile_phase *profile_phase(const struct profile *p, const char *phase)
{
    if (strcmp(phase, "version") == 0)
        phase = p->version_phase;
    if (strcmp(phase, "compile") == 0)
        return p->compile;
    return strcmp(phase, "run") == 0 ? p->run : NULL;
}

struct profile_list profile_binds(const struct profile *p, const char *phase)
{
    const struct profile_phase *ph = profile_phase(p, phase);

    return ph ? ph->binds : (struct profile_list){0};
}

struct profile_list profile_syscalls(const struct profile *p, const char *phase)
{
    const struct profile_phase *ph = profile_phase(p, phase);

    return ph ? ph->syscalls : (struct profile_list){0};
}

struct profile_list profile_memory_errors(const struct profile *p, const char *phase)
{
    const struct profile_phase *ph = profile_phase(p, phase);

    return ph ? ph->memory_errors : (struct profile_list){0};
}

const struct step_limits *profile_ceilings(const struct profile *p, const char *phase)
{
    const struct profile_phase *ph = profile_phase(p, phase);

    return ph ? &ph->ceilings : NULL;
}
