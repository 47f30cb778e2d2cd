/* SPDX-License-Identifier: MPL-2.0 */
#include "base/own.h"
#include "sandbox/profile_data.h"

#include <errno.h>

enum { PLACE_MAX = 32 };

/* A name that a compiler could take for an option or a list of options is written with ./ */
static char *source_arg(const char *name)
{
    struct buf b;

    buf_init(&b, LIMIT_FILE_NAME + 8);
    if (*name == '-' || *name == '@' || *name == '+')
        (void)buf_puts(&b, "./");
    (void)buf_puts(&b, name);
    (void)buf_putc(&b, '\0');
    return (char *)buf_steal(&b, NULL);
}

struct filler {
    const struct profile *p;
    const char *const *sources;
    uint32_t n_sources;
    const struct step_limits *limits;
};

static void fill(const struct filler *f, const char *name, char *ret, size_t size)
{
    const char *source = f->n_sources ? f->sources[0] : f->p->source_name;
    const char *output = "";

    *ret = '\0';
    if (f->p->compile && f->p->compile->outputs.n)
        output = f->p->compile->outputs.at[0];
    if (strcmp(name, "{source}") == 0) {
        auto_free char *arg = source_arg(source);

        (void)snprintf(ret, size, "%s", arg);
    } else if (strcmp(name, "{stem}") == 0) {
        const char *dot = strrchr(source, '.');

        (void)snprintf(ret, size, "%.*s", dot ? (int)(dot - source) : LIMIT_FILE_NAME, source);
    } else if (strcmp(name, "{output}") == 0) {
        (void)snprintf(ret, size, "%s", output);
    } else if (strcmp(name, "{work}") == 0) {
        (void)snprintf(ret, size, "%s", STEP_WORK_DIR);
    } else if (strcmp(name, "{memoryMiB}") == 0) {
        (void)snprintf(ret, size, "%ju", (uintmax_t)(f->limits->memory / LIMIT_MIB));
    } else if (strcmp(name, "{stackKiB}") == 0) {
        (void)snprintf(ret, size, "%ju", (uintmax_t)(f->limits->stack / LIMIT_KIB));
    }
}

/* One word of a command line with its {places} filled. */
static char *fill_word(const struct filler *f, const char *word)
{
    struct buf b;

    buf_init(&b, LIMIT_ARG);
    while (*word) {
        const char *end = *word == '{' ? strchr(word, '}') : NULL;
        char name[PLACE_MAX], text[LIMIT_FILE_NAME + PLACE_MAX];

        if (!end || end - word + 2 > PLACE_MAX) {
            (void)buf_putc(&b, (uint8_t)*word++);
            continue;
        }
        memcpy(name, word, (size_t)(end - word) + 1);
        name[end - word + 1] = '\0';
        fill(f, name, text, sizeof(text));
        (void)buf_puts(&b, text);
        word = end + 1;
    }
    (void)buf_putc(&b, '\0');
    return (char *)buf_steal(&b, NULL);
}

static void add_word(struct step *s, char *owned)
{
    s->argv = own_realloc(s->argv, (s->n_argv + 2) * sizeof(*s->argv));
    s->argv[s->n_argv++] = owned;
    s->argv[s->n_argv] = NULL;
}

/* The compiled sources: all whose names end as the language's do, or the first. */
static void add_sources(const struct filler *f, struct step *s)
{
    for (uint32_t i = 0; i < f->n_sources; i++)
        if (i == 0 || profile_is_source(f->p, f->sources[i]))
            add_word(s, source_arg(f->sources[i]));
}

static int add_args(struct step *s, const struct span *args, uint32_t n_args, struct err *err)
{
    if (n_args > LIMIT_ARGS)
        return err_set(err, E2BIG, "more than %d arguments", LIMIT_ARGS);
    for (uint32_t i = 0; i < n_args; i++) {
        if (args[i].len > LIMIT_ARG)
            return err_set(err, E2BIG, "argument %u is too long", i + 1);
        if (args[i].len && memchr(args[i].data, '\0', args[i].len))
            return err_set(err, EINVAL, "argument %u holds a NUL", i + 1);
        add_word(s, own_memdup(args[i].data, args[i].len));
    }
    return 0;
}

/* X(member, what it is called in an error) */
#define LIMITS(X)                                                                                  \
    X(cpu_ms, "time")                                                                              \
    X(wall_ms, "wallTime")                                                                         \
    X(memory, "memory")                                                                            \
    X(output, "output")                                                                            \
    X(processes, "processes")                                                                      \
    X(stack, "stack")                                                                              \
    X(file_size, "fileSize")                                                                       \
    X(files, "files")                                                                              \
    X(cpu_share, "cpus")

static int fill_limits(const struct profile_phase *ph, const struct step_limits *want,
                       struct step_limits *ret, struct err *err)
{
    struct step_limits l = want ? *want : (struct step_limits){0};

    if (l.cpu_ms && !l.wall_ms)
        l.wall_ms =
            l.cpu_ms * 2 + 1000 < ph->ceilings.wall_ms ? l.cpu_ms * 2 + 1000 : ph->ceilings.wall_ms;
#define X(member, name)                                                                            \
    if (l.member > ph->ceilings.member)                                                            \
        return err_set(err, ERANGE, "limit %s is above the ceiling of %ju", name,                  \
                       (uintmax_t)ph->ceilings.member);                                            \
    if (!l.member)                                                                                 \
        l.member = ph->limits.member;
    LIMITS(X)
#undef X
    *ret = l;
    return 0;
}

static int fill_argv(const struct filler *f, const struct profile_list *argv, struct step *s,
                     struct err *err)
{
    uint32_t n_compiled = 0;

    for (uint32_t i = 0; i < f->n_sources; i++) {
        size_t len = strlen(f->sources[i]);

        if (len == 0 || len > LIMIT_FILE_NAME)
            return err_set(err, EINVAL, "source name %u is empty or too long", i + 1);
        n_compiled += i == 0 || profile_is_source(f->p, f->sources[i]);
    }
    if (argv->n + n_compiled > STEP_ARGV - LIMIT_ARGS)
        return err_set(err, E2BIG, "too many source files");
    for (uint32_t i = 0; i < argv->n; i++) {
        if (strcmp(argv->at[i], "{sources}") == 0)
            add_sources(f, s);
        else
            add_word(s, fill_word(f, argv->at[i]));
    }
    return 0;
}

static void fill_rest(const struct profile_phase *ph, const struct filler *f, struct step *s)
{
    s->env = own_calloc(ph->environment.n + 1, sizeof(*s->env));
    for (; s->n_env < ph->environment.n; s->n_env++)
        s->env[s->n_env] = fill_word(f, ph->environment.at[s->n_env]);
    s->out = own_calloc(ph->outputs.n + 1, sizeof(*s->out));
    for (; s->n_out < ph->outputs.n; s->n_out++)
        (void)snprintf(s->out[s->n_out], sizeof(*s->out), "%s", ph->outputs.at[s->n_out]);
}

int profile_step(const struct profile *p, const char *phase, const struct profile_ask *ask,
                 struct step *ret_step, struct err *err)
{
    const struct profile_phase *ph = profile_phase(p, phase);
    bool version = strcmp(phase, "version") == 0;
    struct step s = {.stdin_fd = -1};
    struct filler f = {.p = p, .limits = &s.limits};
    int r;

    if (!ph)
        return err_set(err, ENOENT, "%s has no phase %s", p->name, phase);
    if (*p->missing)
        return err_set(err, ENOENT, "%s: %s", p->name, p->missing);
    r = fill_limits(ph, ask ? ask->limits : NULL, &s.limits, err);
    if (r < 0)
        return r;
    f.sources = ask ? ask->sources : NULL;
    f.n_sources = ask ? ask->n_sources : 0;
    (void)snprintf(s.profile, sizeof(s.profile), "%s", p->name);
    (void)snprintf(s.phase, sizeof(s.phase), "%s", ph == p->compile ? "compile" : "run");
    r = fill_argv(&f, version ? &p->version_argv : &ph->argv, &s, err);
    if (r == 0 && !version && ask)
        r = add_args(&s, ask->args, ask->n_args, err);
    if (r == 0)
        fill_rest(ph, &f, &s);
    if (version)
        s.n_out = 0;
    s.limits.memory += ph->memory_overhead;
    if (r < 0)
        profile_step_done(&s);
    else
        *ret_step = s;
    return r;
}

void profile_step_done(struct step *step)
{
    for (uint32_t i = 0; i < step->n_argv; i++)
        free(step->argv[i]);
    for (uint32_t i = 0; i < step->n_env; i++)
        free(step->env[i]);
    for (uint32_t i = 0; i < step->n_files; i++)
        own_close(&step->files[i].fd);
    free(step->argv);
    free(step->env);
    free(step->files);
    free(step->out);
    *step = (struct step){.stdin_fd = -1};
}

int profile_version(const struct profile *p, struct span text, char *ret, size_t size)
{
    static const char allowed[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  ".+-_";
    size_t len = strlen(p->version_prefix), n = 0;
    const uint8_t *at = len ? memmem(text.data, text.len, p->version_prefix, len) : text.data;

    if (!at || !size)
        return -EINVAL;
    at += len;
    while (at + n < text.data + text.len && n + 1 < size && at[n] && strchr(allowed, at[n]))
        n++;
    if (n == 0)
        return -EINVAL;
    memcpy(ret, at, n);
    ret[n] = '\0';
    return 0;
}
