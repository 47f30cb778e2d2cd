/* SPDX-License-Identifier: MPL-2.0 */
#include "api-bridge/languages.h"

#include "api-bridge/link.h"
#include "api-bridge/route.h"
#include "api-bridge/server.h"
#include "api-bridge/version.h"
#include "base/clock.h"
#include "base/own.h"

#include <math.h>
#include <strings.h>

enum { LANGUAGES_MAX = 256, LANGUAGES_FRESH_MS = 5000, LANGUAGES_RETRY_MS = 1000 };

/* X(name in the API, name in the profile, phase, in struct spec_limits, of it in one there) */
#define LANGUAGE_LIMITS(X)                                                                         \
    X("time", "time", "run", cpu_ms, 1000)                                                         \
    X("wallTime", "wallTime", "run", wall_ms, 1000)                                                \
    X("memory", "memory", "run", memory, 1)                                                        \
    X("output", "output", "run", output, 1)                                                        \
    X("processes", "processes", "run", processes, 1)                                               \
    X("compileTime", "time", "compile", compile_ms, 1000)                                          \
    X("compileMemory", "memory", "compile", compile_memory, 1)                                     \
    X("stack", "stack", "run", stack, 1)                                                           \
    X("fileSize", "fileSize", "run", file_size, 1)

static const struct {
    const char *name, *member, *phase;
    size_t offset;
    double unit;
} language_limits[] = {
#define X(name, member, phase, field, unit)                                                        \
    {name, member, phase, offsetof(struct spec_limits, field), unit},
    LANGUAGE_LIMITS(X)
#undef X
};

/* What every submit is held against is read out of the profile once, when it comes. */
struct language {
    char name[LIMIT_NAME + 1];
    char version[LIMIT_NAME + 1];
    char source[LIMIT_FILE_NAME + 1]; /* of a single source without a name, or "" */
    double ceilings[ARRAY_LEN(language_limits)];
    size_t n_aliases;
    struct span *aliases; /* owned; they point into the profile */
    struct api_json *profile;
};

struct api_languages {
    struct api_link *link;
    struct language *all;
    size_t n;
    uint64_t number; /* of the question under way */
    uint64_t next_ms;
};

struct api_languages *api_languages_new(struct api_link *link)
{
    struct api_languages *l = own_calloc(1, sizeof(*l));

    l->link = link;
    return l;
}

static void forget_all(struct api_languages *l)
{
    for (size_t i = 0; i < l->n; i++) {
        free(l->all[i].aliases);
        api_json_free(l->all[i].profile);
    }
    free(l->all);
    l->all = NULL;
    l->n = 0;
}

void api_languages_free(struct api_languages *l)
{
    if (!l)
        return;
    api_link_forget(l->link, l->number);
    forget_all(l);
    free(l);
}

static void read_aliases(struct language *l, const struct api_json_at *root)
{
    struct api_fault f = {0};
    struct api_json_at list = api_json_array(root, "aliases", LANGUAGES_MAX, &f);

    if (!list.value)
        return;
    l->aliases = own_calloc(api_json_len(&list) + 1, sizeof(*l->aliases));
    for (size_t i = 0; i < api_json_len(&list); i++) {
        struct api_json_at at = api_json_item(&list, i);

        l->aliases[l->n_aliases++] = api_json_as_text(&at, LIMIT_NAME, &f);
    }
}

static void read_ceilings(struct language *l, const struct api_json_at *root)
{
    for (size_t i = 0; i < ARRAY_LEN(language_limits); i++) {
        struct api_json_at phase = api_json_field(root, language_limits[i].phase);
        struct api_json_at set = api_json_field(&phase, "ceilings");
        struct api_json_at at = api_json_field(&set, language_limits[i].member);

        if (!api_json_as_real(&at, &l->ceilings[i]))
            l->ceilings[i] = INFINITY;
    }
}

static void read_profile(struct language *l, const struct message_language *from)
{
    struct api_fault f = {0};
    struct api_json_at root;

    memcpy(l->name, from->name, sizeof(from->name));
    memcpy(l->version, from->version, sizeof(from->version));
    l->profile = api_json_parse(from->profile, &f);
    root = api_json_root(l->profile);
    read_aliases(l, &root);
    read_ceilings(l, &root);
    api_json_word(&root, "sourceName", l->source, sizeof(l->source), &f);
}

static void take(struct api_languages *l, const struct message *m)
{
    uint32_t n = m->languages.n < LANGUAGES_MAX ? m->languages.n : LANGUAGES_MAX;

    forget_all(l);
    l->all = own_calloc(n ? n : 1, sizeof(*l->all));
    for (uint32_t i = 0; i < n; i++)
        read_profile(&l->all[i], &m->languages.all[i]);
    l->n = n;
}

static void on_languages(void *ctx, const struct message *m, const struct api_fault *f)
{
    struct api_languages *l = ctx;
    bool good = !f && m->languages.n > 0;

    l->number = 0;
    l->next_ms = clock_mono_ns() / 1000000 + (good ? LANGUAGES_FRESH_MS : LANGUAGES_RETRY_MS);
    if (good)
        take(l, m);
}

void api_languages_tick(struct api_languages *l)
{
    struct message m = {.type = MESSAGE_LANGUAGES};

    if (l->number || clock_mono_ns() / 1000000 < l->next_ms || api_link_peers_up(l->link) == 0)
        return;
    l->number = api_link_ask(l->link, &m, 0, on_languages, l);
}

size_t api_languages_len(const struct api_languages *l)
{
    return l->n;
}

struct api_language api_languages_at(const struct api_languages *l, size_t i)
{
    return (struct api_language){l->all[i].name, l->all[i].version,
                                 api_json_root(l->all[i].profile)};
}

static bool answers_to(const struct language *l, const char *name)
{
    size_t len = strlen(name);

    if (strcasecmp(l->name, name) == 0)
        return true;
    for (size_t i = 0; i < l->n_aliases; i++) {
        struct span alias = l->aliases[i];

        if (alias.len && alias.len == len && strncasecmp((const char *)alias.data, name, len) == 0)
            return true;
    }
    return false;
}

static void list_names(const struct api_languages *l, char *out, size_t size)
{
    size_t len = 0;

    out[0] = '\0';
    for (size_t i = 0; i < l->n && len < size; i++)
        len += (size_t)snprintf(out + len, size - len, "%s%s", i ? ", " : "", l->all[i].name);
}

bool api_languages_known(const struct api_languages *l, struct api_fault *f)
{
    if (l->n > 0)
        return true;
    if (!f->code) {
        api_fault_set(f, API_FAULT_UNAVAILABLE, "no node has said yet what it can run");
        f->retry_after_s = 1;
    }
    return false;
}

static const struct language *find(const struct api_languages *l, const char *name)
{
    for (size_t i = 0; i < l->n; i++) {
        if (answers_to(&l->all[i], name))
            return &l->all[i];
    }
    return NULL;
}

/* As api_languages_resolve(), and which one it is; NULL when it is not known. */
static const struct language *resolve(const struct api_languages *l, char name[LIMIT_NAME + 1],
                                      const char *field, struct api_fault *f)
{
    const struct language *found;
    char names[LIMIT_TEXT / 2];

    if (l->n == 0 || !name[0] || f->code)
        return NULL;
    found = find(l, name);
    if (found) {
        memcpy(name, found->name, LIMIT_NAME + 1);
        return found;
    }
    list_names(l, names, sizeof(names));
    api_fault_field(f, API_FAULT_BAD_VALUE, field, "%s \"%s\" is not known; there are: %s", field,
                    name, names);
    return NULL;
}

void api_languages_resolve(const struct api_languages *l, char name[LIMIT_NAME + 1],
                           const char *field, struct api_fault *f)
{
    (void)resolve(l, name, field, f);
}

/* A single source without a name gets the one of its language ("Main.java"). */
static void name_source(const struct language *l, struct spec *spec)
{
    const char *name = l && l->source[0] ? l->source : "main";

    if (spec->n_files > 0 && !spec->files[0].name[0])
        (void)snprintf(spec->files[0].name, sizeof(spec->files[0].name), "%s", name);
}

static void check_version(const struct language *l, const char *range, struct api_fault *f)
{
    int r = api_version_match(range, l->version);

    if (r < 0)
        api_fault_field(f, API_FAULT_BAD_VALUE, "version",
                        "version \"%s\" is not a version or a range of them", range);
    else if (r == 0)
        api_fault_field(f, API_FAULT_BAD_VALUE, "version",
                        "version \"%s\" of %s is not here; there is: %s", range, l->name,
                        l->version);
}

/* What the job asks for against the profile's ceilings, where it has them. */
static void check_ceilings(const struct language *l, const struct spec_limits *limits,
                           struct api_fault *f)
{
    char field[API_FIELD_MAX];

    for (size_t i = 0; i < ARRAY_LEN(language_limits); i++) {
        uint64_t asked;

        memcpy(&asked, (const char *)limits + language_limits[i].offset, sizeof(asked));
        if ((double)asked <= l->ceilings[i] * language_limits[i].unit)
            continue;
        (void)snprintf(field, sizeof(field), "limits.%s", language_limits[i].name);
        api_fault_field(f, API_FAULT_OUT_OF_RANGE, field, "%s must be at most %.15g for %s", field,
                        l->ceilings[i], l->name);
    }
}

void api_languages_check(const struct api_languages *l, struct spec *spec, struct api_fault *f)
{
    const struct language *found;

    (void)api_languages_known(l, f);
    found = resolve(l, spec->head.language, "language", f);
    api_languages_resolve(l, spec->checker.language, "checker.language", f);
    api_languages_resolve(l, spec->interactor.language, "interactor.language", f);
    if (f->code)
        return;
    name_source(found, spec);
    if (found) {
        check_version(found, spec->version, f);
        check_ceilings(found, &spec->limits, f);
    }
}

static void put_member(struct api_json_writer *w, const struct api_json_at *profile,
                       const char *key)
{
    struct api_json_at at = api_json_field(profile, key);
    auto_buf struct buf json = {.max = LIMIT_MIB};

    if (at.value && api_json_dump(&at, &json) == 0)
        api_json_put_raw(w, key, buf_span(&json));
}

/* A set of limits of the profile ("limits", "ceilings") by the names a job gives them. */
static void put_limits(struct api_json_writer *w, const struct api_json_at *profile,
                       const char *set)
{
    api_json_open(w, set, '{');
    for (size_t i = 0; i < ARRAY_LEN(language_limits); i++) {
        struct api_json_at phase = api_json_field(profile, language_limits[i].phase);
        struct api_json_at limits = api_json_field(&phase, set);
        struct api_json_at at = api_json_field(&limits, language_limits[i].member);
        int64_t whole;
        double v;

        if (api_json_as_int(&at, &whole))
            api_json_put_int(w, language_limits[i].name, whole);
        else if (api_json_as_real(&at, &v))
            api_json_put_real(w, language_limits[i].name, v);
    }
    api_json_close(w, '}');
}

static void put_language(struct api_json_writer *w, const struct language *l)
{
    static const char *const shown[] = {"title", "aliases", "extensions", "sourceName", "example"};
    struct api_json_at root = api_json_root(l->profile);

    api_json_open(w, NULL, '{');
    api_json_put_str(w, "name", l->name);
    api_json_put_str(w, "version", l->version);
    for (size_t i = 0; i < ARRAY_LEN(shown) && root.value; i++)
        put_member(w, &root, shown[i]);
    put_limits(w, &root, "limits");
    put_limits(w, &root, "ceilings");
    api_json_close(w, '}');
}

void api_languages_handle(struct api_exchange *x)
{
    const struct api_languages *l = x->server->languages;
    struct api_json_writer w;
    struct api_fault f = {0};

    if (!api_languages_known(l, &f)) {
        api_answer_fault(x, &f);
        return;
    }
    api_json_writer_init(&w, &x->body);
    api_json_open(&w, NULL, '{');
    api_json_open(&w, "languages", '[');
    for (size_t i = 0; i < l->n; i++)
        put_language(&w, &l->all[i]);
    api_json_close(&w, ']');
    api_json_close(&w, '}');
    api_answer(x, 200, NULL);
}
