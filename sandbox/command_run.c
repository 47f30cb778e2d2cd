/* SPDX-License-Identifier: MPL-2.0 */
#include <jansson.h>

#include "sandbox/command.h"

#include "sandbox/client.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <sys/stat.h>

enum {
    OPTION_PROFILE = 1000,
    OPTION_FILE,
    OPTION_JSON,
    OPTION_HELP,
    OPTION_LIMIT,
    STATUS_BROKEN = 125,
};

/* X(option, member, kind, help) */
#define LIMIT_OPTIONS(X)                                                                           \
    X("time", cpu_ms, SECONDS, "CPU time, seconds")                                                \
    X("wall-time", wall_ms, SECONDS, "wall time, seconds")                                         \
    X("memory", memory, SIZE, "memory, bytes (128m)")                                              \
    X("output", output, SIZE, "stdout and stderr, each, bytes")                                    \
    X("processes", processes, COUNT, "processes and threads")                                      \
    X("stack", stack, SIZE, "stack, bytes")                                                        \
    X("file-size", file_size, SIZE, "a file, and the work directory, bytes")                       \
    X("files", files, COUNT, "files in the work directory")                                        \
    X("cpus", cpu_share, SECONDS, "share of CPUs (0.5)")

enum limit_kind { SECONDS, SIZE, COUNT };

static const struct {
    const char *name;
    size_t offset;
    enum limit_kind kind;
    const char *help;
} limits[] = {
#define X(option, member, kind, help) {option, offsetof(struct step_limits, member), kind, help},
    LIMIT_OPTIONS(X)
#undef X
};

enum { FILES_MAX = 32 };

struct run_options {
    const char *profile;
    const char *files[FILES_MAX]; /* main first */
    uint32_t n_files;
    bool json;
    struct step_limits limits;
    char **args;
    int n_args;
};

static int usage(void)
{
    (void)puts("usage: arena-sandbox run [OPTION...] FILE [ARG...] < input\n"
               "  --profile NAME   the language (default: by the name of FILE)\n"
               "  --file PATH      one more source or data file (may be repeated)\n"
               "  --json           the outcome as JSON on stdout, output included");
    for (size_t i = 0; i < ARRAY_LEN(limits); i++)
        (void)printf("  --%-14s %s\n", limits[i].name, limits[i].help);
    return 0;
}

/* "128m", "0.5", "64": into thousandths, bytes or a count. */
static int parse_limit(const char *text, enum limit_kind kind, uint64_t *ret)
{
    char *end;

    errno = 0;
    double v = strtod(text, &end);
    if (end == text || errno || !(v > 0) || v > 1e15)
        return -EINVAL;
    if (kind == SIZE && *end) {
        const char *units = "kmg", *at = strchr(units, *end | 0x20);

        if (!at)
            return -EINVAL;
        for (const char *u = units; u <= at; u++)
            v *= 1024;
        end++;
    }
    *ret = (uint64_t)(kind == SECONDS ? v * 1000 + 0.5 : v);
    return *end || *ret == 0 ? -EINVAL : 0;
}

static int on_option(struct run_options *o, int option, const char *value)
{
    switch (option) {
    case OPTION_PROFILE:
        o->profile = value;
        return 0;
    case OPTION_JSON:
        o->json = true;
        return 0;
    case OPTION_FILE:
        if (o->n_files == FILES_MAX)
            return -E2BIG;
        o->files[o->n_files++] = value;
        return 0;
    default:
        break;
    }
    size_t i = (size_t)(option - OPTION_LIMIT);
    if (option < OPTION_LIMIT || i >= ARRAY_LEN(limits))
        return -EINVAL;
    uint64_t v;
    if (parse_limit(value, limits[i].kind, &v) < 0)
        return -EINVAL;
    memcpy((char *)&o->limits + limits[i].offset, &v, sizeof(v));
    return 0;
}

static int parse(int argc, char **argv, struct run_options *o)
{
    struct option longs[ARRAY_LEN(limits) + 5] = {
        {"profile", required_argument, NULL, OPTION_PROFILE},
        {"file", required_argument, NULL, OPTION_FILE},
        {"json", no_argument, NULL, OPTION_JSON},
        {"help", no_argument, NULL, OPTION_HELP},
    };
    int c;

    for (size_t i = 0; i < ARRAY_LEN(limits); i++)
        longs[4 + i] =
            (struct option){limits[i].name, required_argument, NULL, OPTION_LIMIT + (int)i};
    *o = (struct run_options){.n_files = 1};
    while ((c = getopt_long(argc, argv, "+", longs, NULL)) != -1) {
        if (c == OPTION_HELP)
            return usage();
        if (on_option(o, c, optarg) < 0)
            return command_complain("run: bad value or option; see run --help") ? -EINVAL : 0;
    }
    if (optind >= argc)
        return command_complain("run: no FILE; see run --help") ? -EINVAL : 0;
    o->files[0] = argv[optind];
    o->args = argv + optind + 1;
    o->n_args = argc - optind - 1;
    return 1;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* Adds a file to a step, with a descriptor of its own. */
static void add_file(struct step *s, const char *name, int fd, bool executable)
{
    s->files = own_realloc(s->files, (s->n_files + 1) * sizeof(*s->files));
    struct step_file *f = &s->files[s->n_files++];
    memset(f, 0, sizeof(*f));
    (void)snprintf(f->name, sizeof(f->name), "%s", name);
    f->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    f->executable = executable;
}

static int add_sources(const struct run_options *o, struct step *s, struct err *err)
{
    for (uint32_t i = 0; i < o->n_files; i++) {
        auto_fd int fd = open(o->files[i], O_RDONLY | O_CLOEXEC);

        if (fd < 0)
            return err_errno(err, "%s", o->files[i]);
        auto_fd int copy = client_slurp(fd, LIMIT_SPEC, err);
        if (copy < 0)
            return copy;
        add_file(s, base_name(o->files[i]), copy, false);
    }
    return 0;
}

struct session {
    const struct run_options *options;
    const struct profile *profile;
    struct client *client;
    struct step_outcome compile, run;
    bool compiled, ran;
};

/* A step of this phase, with its limits and words. */
static int make_step(const struct session *s, const char *phase, struct step *ret, struct err *err)
{
    const struct run_options *o = s->options;
    const char *names[FILES_MAX];
    struct span args[LIMIT_ARGS];
    bool run = strcmp(phase, "run") == 0;
    struct profile_ask ask = {.sources = names,
                              .n_sources = o->n_files,
                              .args = args,
                              .n_args = run ? (uint32_t)o->n_args : 0,
                              .limits = run ? &o->limits : NULL};

    if (o->n_args > LIMIT_ARGS)
        return err_set(err, E2BIG, "too many arguments");
    for (uint32_t i = 0; i < o->n_files; i++)
        names[i] = base_name(o->files[i]);
    for (int i = 0; i < o->n_args; i++)
        args[i] = span_of(o->args[i]);
    return profile_step(s->profile, phase, &ask, ret, err);
}

static int compile(struct session *s, struct err *err)
{
    struct step step;
    int r = make_step(s, "compile", &step, err);

    if (r < 0)
        return r;
    r = add_sources(s->options, &step, err);
    if (r == 0)
        r = client_run(s->client, &step, &s->compile, err);
    profile_step_done(&step);
    s->compiled = r == 0;
    return r;
}

static bool compile_ok(const struct session *s)
{
    return !s->compiled || (s->compile.end == STEP_END_EXITED && s->compile.exit_code == 0);
}

static int run(struct session *s, struct err *err)
{
    struct step step;
    int r = make_step(s, "run", &step, err);

    if (r < 0)
        return r;
    for (uint32_t i = 0; i < s->compile.n_files; i++) {
        const struct step_file *f = &s->compile.files[i];

        add_file(&step, f->name, f->fd, f->executable);
    }
    if (!s->compiled)
        r = add_sources(s->options, &step, err);
    auto_fd int in = r == 0 ? client_slurp(STDIN_FILENO, 64 * LIMIT_MIB, err) : -1;
    if (r == 0 && in < 0)
        r = in;
    step.stdin_fd = in;
    if (r == 0)
        r = client_run(s->client, &step, &s->run, err);
    step.stdin_fd = -1;
    profile_step_done(&step);
    s->ran = r == 0;
    return r;
}

/* Bytes that need not be text: what is not UTF-8 is shown as '?'. */
static json_t *json_bytes(struct span s)
{
    json_t *j = json_stringn((const char *)s.data, s.len);

    if (j)
        return j;
    auto_free char *copy = own_memdup(s.data, s.len);
    for (size_t i = 0; i < s.len; i++)
        if ((uint8_t)copy[i] >= 0x80)
            copy[i] = '?';
    return json_stringn(copy, s.len);
}

static json_t *json_outcome(const struct step_outcome *o)
{
    json_t *files = json_array();

    for (uint32_t i = 0; i < o->n_files; i++)
        (void)json_array_append_new(files, json_string(o->files[i].name));
    return json_pack("{s:s, s:i, s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:b, "
                     "s:s, s:s, s:s, s:o, "
                     "s:o, s:o}",
                     "end", step_end_name(o->end), "exitCode", o->exit_code, "signal", o->signal,
                     "cpuUs", (json_int_t)o->cpu_us, "wallUs", (json_int_t)o->wall_us, "memory",
                     (json_int_t)o->memory, "setupUs", (json_int_t)o->setup_us, "overshootUs",
                     (json_int_t)o->overshoot_us, "switchesVoluntary",
                     (json_int_t)o->switches_voluntary, "switchesForced",
                     (json_int_t)o->switches_forced, "pressureUs", (json_int_t)o->pressure_us,
                     "stealUs", (json_int_t)o->steal_us, "cpuKHz", (json_int_t)o->cpu_khz,
                     "stdoutTruncated", o->out_truncated, "stderrTruncated", o->err_truncated,
                     "refused", o->refused, "detail", o->detail, "error", o->err_text, "stdout",
                     json_bytes(o->out), "stderr", json_bytes(o->err), "files", files);
}

static void print_json(const struct session *s, const struct keeper_info *info)
{
    json_t *all = json_pack("{s:s, s:s}", "level", info->level, "lacks", info->lacks);

    if (s->compiled)
        (void)json_object_set_new(all, "compile", json_outcome(&s->compile));
    if (s->ran)
        (void)json_object_set_new(all, "run", json_outcome(&s->run));
    (void)json_dumpf(all, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    (void)fputc('\n', stdout);
    json_decref(all);
}

static void print_plain(const struct step_outcome *o)
{
    (void)fwrite(o->out.data, 1, o->out.len, stdout);
    (void)fflush(stdout);
    (void)fwrite(o->err.data, 1, o->err.len, stderr);
    if (o->end != STEP_END_EXITED)
        (void)fprintf(stderr, "arena-sandbox: %s: %s\n", step_end_name(o->end), o->detail);
}

static int status_of(const struct step_outcome *o)
{
    if (o->end == STEP_END_BROKEN)
        return STATUS_BROKEN;
    return o->exit_code >= 0 ? o->exit_code : 128 + o->signal;
}

static int perform(struct session *s, struct err *err)
{
    int r = profile_compiles(s->profile) ? compile(s, err) : 0;

    if (r == 0 && compile_ok(s))
        r = run(s, err);
    return r;
}

static const struct profile *choose(const struct profile_set *set, const struct run_options *o)
{
    return o->profile ? profile_find(set, o->profile)
                      : profile_find_file(set, base_name(o->files[0]));
}

int command_run(int argc, char **argv)
{
    struct run_options o;
    struct keeper_info info;
    struct err err = {0};
    int r = parse(argc, argv, &o);

    if (r <= 0)
        return r < 0 ? 2 : 0;
    struct profile_set *set = command_profiles();
    if (!set)
        return 2;
    struct session s = {.options = &o, .profile = choose(set, &o)};
    if (!s.profile) {
        profile_set_free(set);
        return command_complain("run: no such language; see --profile");
    }
    s.client = client_start(command_self(), NULL, &info, &err);
    r = s.client ? perform(&s, &err) : -EIO;
    if (r == 0 && o.json)
        print_json(&s, &info);
    else if (r == 0)
        print_plain(s.ran ? &s.run : &s.compile);
    int status = r < 0 ? command_complain("%s", err.text) : status_of(s.ran ? &s.run : &s.compile);
    step_outcome_done(&s.compile);
    step_outcome_done(&s.run);
    client_free(s.client);
    profile_set_free(set);
    return status;
}
