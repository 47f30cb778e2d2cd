/* SPDX-License-Identifier: MPL-2.0 */
#include <jansson.h>

#include "sandbox/profile_data.h"

#include <errno.h>
#include <glob.h>
#include <math.h>

/*
 * How this works: each JSON object has a table of its fields (name, kind, where it goes), and
 * one function reads any object by its table. A name that is not in the table is an error, so
 * a misspelt limit can never be silently left at its default. After that the paths are
 * resolved: first those of `paths`, which the other strings use as {NAME}, then the binds.
 */

enum kind {
    TEXT,    /* char * */
    LIST,    /* struct profile_list of strings */
    PAIRS,   /* object of strings -> list of "NAME=VALUE" */
    NUMBER,  /* whole, uint64_t */
    THOUSAND /* a real, uint64_t of thousandths */
};

enum { LIST_MAX = 128, TEXT_MAX = 4096, NUMBER_MAX = INT32_MAX };

struct field {
    const char *name;
    enum kind kind;
    bool optional;
    size_t offset;
    uint64_t min, max; /* of a number, after scaling; of a text, its length */
};

struct where {
    const char *file;
    const char *object; /* "" = the outermost */
    struct err *err;
};

static int bad(const struct where *w, const char *field, const char *why)
{
    return err_set(w->err, EINVAL, "%s: %s%s%s %s", w->file, w->object, *w->object ? "." : "",
                   field, why);
}

void profile_list_add(struct profile_list *l, char *owned)
{
    char **grown;

    memcpy(&grown, &l->at, sizeof(grown));
    grown = own_realloc(grown, (l->n + 1) * sizeof(*grown));
    grown[l->n++] = owned;
    memcpy(&l->at, &grown, sizeof(grown));
}

static int read_text(const json_t *v, const struct field *f, char **ret, const struct where *w)
{
    size_t len = json_string_length(v);

    if (!json_is_string(v))
        return bad(w, f->name, "must be text");
    if (len < f->min || len > f->max)
        return bad(w, f->name, "is too short or too long");
    if (memchr(json_string_value(v), '\0', len))
        return bad(w, f->name, "holds a NUL");
    *ret = own_strdup(json_string_value(v));
    return 0;
}

static int read_list(const json_t *v, const struct field *f, struct profile_list *ret,
                     const struct where *w)
{
    struct field item = {.name = f->name, .max = TEXT_MAX, .min = 1};
    size_t n = json_array_size(v);

    if (!json_is_array(v))
        return bad(w, f->name, "must be a list of texts");
    if (n < f->min || n > LIST_MAX)
        return bad(w, f->name, "is too short or too long");
    for (size_t i = 0; i < n; i++) {
        char *text;
        int r = read_text(json_array_get(v, i), &item, &text, w);

        if (r < 0)
            return r;
        profile_list_add(ret, text);
    }
    return 0;
}

static int read_pairs(json_t *v, const struct field *f, struct profile_list *ret,
                      const struct where *w)
{
    const char *name;
    json_t *item;

    if (!json_is_object(v) || json_object_size(v) > STEP_ENV)
        return bad(w, f->name, "must be an object of at most 32 texts");
    json_object_foreach(v, name, item)
    {
        struct buf b;

        if (!json_is_string(item) || !*name || strchr(name, '='))
            return bad(w, f->name, "must be an object of texts");
        buf_init(&b, TEXT_MAX);
        if (buf_printf(&b, "%s=%s", name, json_string_value(item)) < 0) {
            buf_done(&b);
            return bad(w, f->name, "is too long");
        }
        profile_list_add(ret, (char *)buf_steal(&b, NULL));
    }
    return 0;
}

static int read_number(const json_t *v, const struct field *f, uint64_t *ret, const struct where *w)
{
    double x = json_number_value(v);

    if (!json_is_number(v) || !isfinite(x) || (f->kind == NUMBER && !json_is_integer(v)))
        return bad(w, f->name, f->kind == NUMBER ? "must be a whole number" : "must be a number");
    x = f->kind == THOUSAND ? x * 1000 + 0.5 : x;
    if (x < (double)f->min || x > (double)f->max)
        return bad(w, f->name, "is out of range");
    *ret = (uint64_t)x;
    return 0;
}

static int read_field(json_t *v, const struct field *f, void *base, const struct where *w)
{
    void *to = (char *)base + f->offset;

    switch (f->kind) {
    case TEXT:
        return read_text(v, f, to, w);
    case LIST:
        return read_list(v, f, to, w);
    case PAIRS:
        return read_pairs(v, f, to, w);
    case NUMBER:
    case THOUSAND:
        return read_number(v, f, to, w);
    }
    return bad(w, f->name, "has no reader");
}

static const struct field *find_field(const struct field *fields, const char *name)
{
    for (; fields->name; fields++)
        if (strcmp(fields->name, name) == 0)
            return fields;
    return NULL;
}

/* `others` are fields of the object that somebody else reads: a NULL-ended list. */
static int read_object(json_t *o, const struct field *fields, const char *const *others, void *base,
                       const struct where *w)
{
    const char *name;
    json_t *v;

    if (!json_is_object(o))
        return bad(w, "", "must be an object");
    json_object_foreach(o, name, v)
    {
        const struct field *f = find_field(fields, name);
        const char *const *other = others;
        int r;

        while (!f && *other && strcmp(*other, name) != 0)
            other++;
        if (!f && !*other)
            return bad(w, name, "is not a field");
        r = f ? read_field(v, f, base, w) : 0;
        if (r < 0)
            return r;
    }
    for (const struct field *f = fields; f->name; f++)
        if (!f->optional && !json_object_get(o, f->name))
            return bad(w, f->name, "is missing");
    return 0;
}

static const char *const no_others[] = {NULL};

#define AT(type, member) .offset = offsetof(struct type, member)

static const struct field limit_fields[] = {
    {"time", THOUSAND, AT(step_limits, cpu_ms), .min = 1, .max = NUMBER_MAX},
    {"wallTime", THOUSAND, AT(step_limits, wall_ms), .min = 1, .max = NUMBER_MAX},
    {"memory", NUMBER, AT(step_limits, memory), .min = LIMIT_MIB, .max = 1ULL << 40},
    {"output", NUMBER, AT(step_limits, output), .min = 1, .max = STEP_STREAM_MAX},
    {"processes", NUMBER, AT(step_limits, processes), .min = 1, .max = 4096},
    {"stack", NUMBER, AT(step_limits, stack), .min = 64 * LIMIT_KIB, .max = 1ULL << 40},
    {"fileSize", NUMBER, AT(step_limits, file_size), .min = 1, .max = 1ULL << 40},
    {"files", NUMBER, AT(step_limits, files), .min = 16, .max = 1 << 20},
    {"cpus", THOUSAND, AT(step_limits, cpu_share), .min = 10, .max = 1024 * 1000},
    {0},
};

static const struct field phase_fields[] = {
    {"argv", LIST, AT(profile_phase, argv), .min = 1},
    {"outputs", LIST, true, AT(profile_phase, outputs)},
    {"environment", PAIRS, AT(profile_phase, environment)},
    {"binds", LIST, true, AT(profile_phase, binds)},
    {"syscalls", LIST, true, AT(profile_phase, syscalls)},
    {"memoryErrors", LIST, true, AT(profile_phase, memory_errors)},
    {"memoryOverhead", NUMBER, true, AT(profile_phase, memory_overhead), .max = 1ULL << 40},
    {0},
};

static const struct field version_fields[] = {
    {"phase", TEXT, AT(profile, version_phase), .min = 3, .max = 7},
    {"argv", LIST, AT(profile, version_argv), .min = 1},
    {"prefix", TEXT, AT(profile, version_prefix), .max = LIMIT_NAME},
    {0},
};

static const struct field profile_fields[] = {
    {"name", TEXT, AT(profile, name), .min = 1, .max = LIMIT_NAME},
    {"title", TEXT, AT(profile, title), .min = 1, .max = LIMIT_NAME},
    {"aliases", LIST, true, AT(profile, aliases)},
    {"extensions", LIST, AT(profile, extensions), .min = 1},
    {"sourceName", TEXT, AT(profile, source_name), .min = 1, .max = LIMIT_FILE_NAME},
    {"example", TEXT, true, AT(profile, example), .max = TEXT_MAX},
    {"root", TEXT, true, AT(profile, root), .min = 2, .max = TEXT_MAX},
    {0},
};

/* Sizes are whole numbers up to 2^40, which a double holds exactly. */
static int check_ceilings(const struct profile_phase *ph, const struct where *w)
{
    for (const struct field *f = limit_fields; f->name; f++) {
        uint64_t limit, ceiling;

        memcpy(&limit, (const char *)&ph->limits + f->offset, sizeof(limit));
        memcpy(&ceiling, (const char *)&ph->ceilings + f->offset, sizeof(ceiling));
        if (limit > ceiling)
            return bad(w, f->name, "is above its ceiling");
    }
    return 0;
}

static int read_phase(json_t *o, const char *object, struct profile_phase **ret,
                      const struct where *outer)
{
    static const char *const others[] = {"limits", "ceilings", NULL};
    struct where w = {outer->file, object, outer->err};
    struct profile_phase *ph;
    json_t *limits, *ceilings;
    int r;

    if (!o)
        return 0;
    *ret = ph = own_calloc(1, sizeof(*ph));
    r = read_object(o, phase_fields, others, ph, &w);
    if (r < 0)
        return r;
    limits = json_object_get(o, "limits");
    ceilings = json_object_get(o, "ceilings");
    if (!limits || !ceilings)
        return bad(&w, limits ? "ceilings" : "limits", "is missing");
    r = read_object(limits, limit_fields, no_others, &ph->limits, &w);
    if (r < 0)
        return r;
    r = read_object(ceilings, limit_fields, no_others, &ph->ceilings, &w);
    return r < 0 ? r : check_ceilings(ph, &w);
}

/* Puts what {NAME} stands for into a text. A name that is no path is left: steps fill it. */
static char *expand(const struct profile *p, const char *text)
{
    struct buf b;

    buf_init(&b, (size_t)TEXT_MAX * 4);
    while (*text) {
        const char *hit = NULL;

        for (uint32_t i = 0; *text == '{' && !hit && i < p->paths.n; i++) {
            size_t len = strcspn(p->paths.at[i], "=");

            if (strncmp(text + 1, p->paths.at[i], len) == 0 && text[1 + len] == '}') {
                hit = p->paths.at[i] + len + 1;
                text += len + 2;
            }
        }
        if (hit)
            (void)buf_puts(&b, hit);
        else
            (void)buf_putc(&b, (uint8_t)*text++);
    }
    return b.len ? (char *)buf_steal(&b, NULL) : own_strdup("");
}

static void expand_list(const struct profile *p, struct profile_list *l)
{
    struct profile_list out = {0};

    for (uint32_t i = 0; i < l->n; i++)
        profile_list_add(&out, expand(p, l->at[i]));
    profile_list_free(l);
    *l = out;
}

/* All that matches, below the root if there is one; false when nothing does. */
static bool match(const struct profile *p, const char *pattern, struct profile_list *ret, bool one)
{
    size_t skip = p->root ? strlen(p->root) : 0;
    glob_t g;
    struct buf b;
    bool found;

    buf_init(&b, (size_t)TEXT_MAX * 2);
    (void)buf_printf(&b, "%s%s", p->root ? p->root : "", pattern);
    found = !b.full && b.len && glob((char *)b.data, 0, NULL, &g) == 0;
    buf_done(&b);
    if (!found)
        return false;
    for (size_t i = 0; i < g.gl_pathc && (i == 0 || !one); i++)
        profile_list_add(ret, own_strdup(g.gl_pathv[i] + skip));
    globfree(&g);
    return true;
}

static void miss(struct profile *p, const char *path)
{
    if (!*p->missing)
        (void)snprintf(p->missing, sizeof(p->missing), "%s is not on this machine", path);
}

static bool is_path(const char *s)
{
    return s[0] == '/' && !strstr(s, "/../") && !strstr(s, "//") && s[1];
}

/* The first of the list that is there; the first of all when none is. NULL = no list of paths. */
static char *find_path(struct profile *p, json_t *list)
{
    const char *first = json_string_value(json_array_get(list, 0));
    struct profile_list found = {0};
    char *path;
    json_t *item;
    size_t i;

    json_array_foreach(list, i, item)
    {
        if (!json_is_string(item) || !is_path(json_string_value(item)))
            first = NULL;
        else if (!found.n)
            (void)match(p, json_string_value(item), &found, true);
    }
    if (first && !found.n)
        miss(p, first);
    path = first ? own_strdup(found.n ? found.at[0] : first) : NULL;
    profile_list_free(&found);
    return path;
}

/* "paths": {"python": ["/usr/bin/python3.1[0-9]", ...]}: the first that is there. */
static int read_paths(json_t *o, struct profile *p, const struct where *w)
{
    const char *name;
    json_t *list;

    json_object_foreach(o, name, list)
    {
        auto_free char *path = find_path(p, list);
        struct buf b;

        if (!*name || !path)
            return bad(w, "paths", "must be lists of absolute paths");
        buf_init(&b, (size_t)TEXT_MAX * 2);
        (void)buf_printf(&b, "%s=%s", name, path);
        profile_list_add(&p->paths, (char *)buf_steal(&b, NULL));
    }
    return json_is_object(o) || !o ? 0 : bad(w, "paths", "must be an object");
}

/* A bind with a ? before it may be absent. */
static int resolve_binds(struct profile *p, struct profile_phase *ph, const struct where *w)
{
    struct profile_list out = {0};
    int r = 0;

    expand_list(p, &ph->binds);
    for (uint32_t i = 0; i < ph->binds.n; i++) {
        const char *path = ph->binds.at[i];
        bool optional = *path == '?';

        path += optional;
        if (!is_path(path))
            r = bad(w, "binds", "must be absolute paths");
        else if (!match(p, path, &out, false) && !optional)
            miss(p, path);
    }
    if (p->root)
        profile_list_free(&out);
    profile_list_free(&ph->binds);
    ph->binds = out;
    return r;
}

static int check_names(const struct profile *p, const struct where *w)
{
    if (strspn(p->name, "abcdefghijklmnopqrstuvwxyz0123456789-_") != strlen(p->name))
        return bad(w, "name", "must be of a-z, 0-9, - and _");
    if (strchr(p->source_name, '/') || *p->source_name == '.' || *p->source_name == '-')
        return bad(w, "sourceName", "must be a plain file name");
    if (p->root && !is_path(p->root))
        return bad(w, "root", "must be an absolute path");
    for (uint32_t i = 0; i < p->extensions.n; i++)
        if (*p->extensions.at[i] != '.')
            return bad(w, "extensions", "must begin with a dot");
    if (strcmp(p->version_phase, "run") != 0 &&
        (strcmp(p->version_phase, "compile") != 0 || !p->compile))
        return bad(w, "version.phase", "must be a phase of this profile");
    return 0;
}

static int read_profile(json_t *o, struct profile *p, const struct where *w)
{
    static const char *const others[] = {"paths", "version", "compile", "run", NULL};
    struct where version = {w->file, "version", w->err};
    struct where at[] = {{w->file, "compile", w->err}, {w->file, "run", w->err}};
    struct profile_phase *phases[2];
    int r = read_object(o, profile_fields, others, p, w);

    if (r == 0)
        r = read_object(json_object_get(o, "version"), version_fields, no_others, p, &version);
    if (r == 0)
        r = read_phase(json_object_get(o, "compile"), "compile", &p->compile, w);
    if (r == 0)
        r = read_phase(json_object_get(o, "run"), "run", &p->run, w);
    if (r == 0 && !p->run)
        r = bad(w, "run", "is missing");
    if (r == 0)
        r = check_names(p, w);
    if (r == 0)
        r = read_paths(json_object_get(o, "paths"), p, w);
    if (r < 0)
        return r;
    expand_list(p, &p->version_argv);
    phases[0] = p->compile;
    phases[1] = p->run;
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(phases); i++) {
        if (!phases[i])
            continue;
        expand_list(p, &phases[i]->argv);
        expand_list(p, &phases[i]->environment);
        r = resolve_binds(p, phases[i], &at[i]);
    }
    return r;
}

struct profile *profile_parse(const char *file, const char *text, size_t len, struct err *err)
{
    struct where w = {file, "", err};
    struct profile *p;
    json_error_t je;
    json_t *o = json_loadb(text, len, JSON_REJECT_DUPLICATES, &je);

    if (!o) {
        (void)err_set(err, EINVAL, "%s:%d:%d: %s", file, je.line, je.column, je.text);
        return NULL;
    }
    p = own_calloc(1, sizeof(*p));
    p->json = own_memdup(text, len);
    p->json_len = len;
    if (read_profile(o, p, &w) < 0) {
        profile_free(p);
        p = NULL;
    }
    json_decref(o);
    return p;
}
