/* SPDX-License-Identifier: MPL-2.0 */
#include "node/cli.h"

#include "base/clock.h"
#include "base/own.h"
#include "sandbox/profile.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>

enum { CLI_WAIT_MS = 20000, CLI_TESTS_MAX = 256 };

struct cli_job {
    const struct cli *cli;
    bool session;
    struct spec spec;
    struct spec_file files[LIMIT_FILES];
    struct spec_test tests[CLI_TESTS_MAX];
    struct span args[LIMIT_ARGS];
};

/* --- reading ------------------------------------------------------------------------------- */

/* The whole of a file, for the life of the process. */
static int slurp(const char *path, struct span *ret, struct err *err)
{
    struct buf b;
    int rc;

    buf_init(&b, LIMIT_SPEC);
    rc = buf_load(&b, path, err);
    *ret = buf_span(&b);
    return rc;
}

static int add_file(struct cli_job *j, const char *path, struct err *err)
{
    const char *slash = strrchr(path, '/');
    struct spec_file *f = &j->files[j->spec.n_files];

    if (j->spec.n_files == LIMIT_FILES)
        return err_set(err, E2BIG, "more than %d files", LIMIT_FILES);
    (void)snprintf(f->name, sizeof(f->name), "%s", slash ? slash + 1 : path);
    if (!spec_name_ok(f->name))
        return err_set(err, EINVAL, "'%s' is no name for a file", f->name);
    j->spec.n_files++;
    return slurp(path, &f->content, err);
}

/* INPUT or INPUT:EXPECTED */
static int add_test(struct cli_job *j, const char *text, struct err *err)
{
    struct spec_test *t = &j->tests[j->spec.n_tests];
    auto_free char *input = own_strdup(text);
    char *colon = strchr(input, ':');
    int rc;

    if (j->spec.n_tests == CLI_TESTS_MAX)
        return err_set(err, E2BIG, "more than %d tests", CLI_TESTS_MAX);
    j->spec.n_tests++;
    t->weight = 1;
    if (colon)
        *colon = 0;
    rc = slurp(input, &t->input, err);
    if (rc != 0 || !colon)
        return rc;
    t->has_expected = true;
    return slurp(colon + 1, &t->expected, err);
}

static int set_number(const char *text, uint64_t *ret, struct err *err)
{
    char *end;

    errno = 0;
    *ret = strtoull(text, &end, 10);
    if (errno || *end || end == text || text[0] == '-')
        return err_set(err, EINVAL, "'%s' is not a number", text);
    return 0;
}

static int set_checker(struct cli_job *j, const char *text, struct err *err)
{
    if (spec_checker_parse(text, &j->spec.checker.type) == 0 &&
        j->spec.checker.type != SPEC_CHECKER_PROGRAM)
        return 0;
    return err_set(err, EINVAL, "no checker '%s'", text);
}

static int set_head(struct cli_job *j, const char *name, const char *value, struct err *err)
{
    struct spec_head *h = &j->spec.head;
    uint64_t n = 0;
    int rc;

    if (strcmp(name, "--tenant") == 0)
        return (void)snprintf(h->tenant, sizeof(h->tenant), "%s", value), 0;
    if (strcmp(name, "--language") == 0)
        return (void)snprintf(h->language, sizeof(h->language), "%s", value), 0;
    if (strcmp(name, "--tag") == 0) {
        if (j->spec.n_tags == LIMIT_TAGS)
            return err_set(err, E2BIG, "more than %d tags", LIMIT_TAGS);
        (void)snprintf(j->spec.tags[j->spec.n_tags++], sizeof(j->spec.tags[0]), "%s", value);
        return 0;
    }
    rc = set_number(value, &n, err);
    if (rc != 0)
        return rc;
    if (strcmp(name, "--priority") == 0 && n < LIMIT_PRIORITIES)
        return h->priority = (uint8_t)n, 0;
    if (strcmp(name, "--delay") == 0 && n <= LIMIT_DELAY_MS)
        return h->delay_ms = (uint32_t)n, 0;
    return err_set(err, EINVAL, "no option %s %s", name, value);
}

static int set_option(struct cli_job *j, const char *name, const char *value, struct err *err)
{
    struct spec_limits *l = &j->spec.limits;
    const struct {
        const char *name;
        uint64_t *to;
    } limits[] = {
        {"--time", &l->cpu_ms},
        {"--wall", &l->wall_ms},
        {"--memory", &l->memory},
        {"--output", &l->output},
    };

    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        if (strcmp(name, limits[i].name) == 0)
            return set_number(value, limits[i].to, err);
    }
    if (strcmp(name, "--file") == 0)
        return add_file(j, value, err);
    if (strcmp(name, "--input") == 0)
        return slurp(value, &j->spec.input, err);
    if (strcmp(name, "--test") == 0)
        return add_test(j, value, err);
    if (strcmp(name, "--checker") == 0)
        return set_checker(j, value, err);
    return set_head(j, name, value, err);
}

/* Nodes know each other's languages by name: an alias would be taken for what nobody has. One that
 * is not known here may still be a name there. */
static int find_language(struct cli_job *j, const char *file, struct err *err)
{
    char *language = j->spec.head.language;
    bool said = language[0] != '\0';
    struct err ignored = {0};
    struct profile_set *set = profile_set_load(j->cli->profile_dir, said ? &ignored : err);
    const struct profile *p;

    if (!set)
        return said ? 0 : err_wrap(err, "--language is not given, and ARENA_PROFILE_DIR");
    p = said ? profile_find(set, language) : profile_find_file(set, file);
    if (p)
        (void)snprintf(language, sizeof(j->spec.head.language), "%s", profile_name(p));
    profile_set_free(set);
    return p || said ? 0 : err_set(err, EINVAL, "what language is %s? say --language", file);
}

/* What is piped in is the input; a terminal is not waited for. */
static int read_input(struct cli_job *j, struct err *err)
{
    struct stat st;
    struct buf b;
    int rc;

    if (j->spec.input.len || j->spec.n_tests || fstat(0, &st) != 0 ||
        (!S_ISREG(st.st_mode) && !S_ISFIFO(st.st_mode)))
        return 0;
    buf_init(&b, LIMIT_SPEC);
    rc = buf_load_fd(&b, 0, "standard input", err);
    j->spec.input = buf_span(&b);
    return rc;
}

/* What says how a job waits and is judged. */
static bool is_for_jobs(const char *option)
{
    static const char *const options[] = {"--input", "--test",     "--checker",
                                          "--delay", "--priority", "--stop"};

    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        if (strcmp(option, options[i]) == 0)
            return true;
    }
    return false;
}

static int parse(struct cli_job *j, int argc, char **argv, struct err *err)
{
    const char *file = NULL;
    int i = 1;
    int rc = 0;

    j->spec.files = j->files;
    j->spec.tests = j->tests;
    j->spec.args = j->args;
    j->spec.head.priority = 2;
    j->spec.head.attempts_max = 3;
    j->spec.head.backoff_ms = 1000;
    for (; i < argc && rc == 0 && strcmp(argv[i], "--") != 0; i++) {
        if (j->session && is_for_jobs(argv[i]))
            return err_set(err, EINVAL, "%s makes no sense in a session", argv[i]);
        if (strcmp(argv[i], "--stop") == 0)
            j->spec.stop_on_failure = true;
        else if (argv[i][0] == '-' && i + 1 < argc) {
            rc = set_option(j, argv[i], argv[i + 1], err);
            i++;
        } else if (argv[i][0] == '-')
            return err_set(err, EINVAL, "%s needs a value", argv[i]);
        else {
            file = file ? file : argv[i];
            rc = add_file(j, argv[i], err);
        }
    }
    if (rc != 0)
        return rc;
    for (i++; i < argc; i++) {
        if (j->spec.n_args == LIMIT_ARGS)
            return err_set(err, E2BIG, "more than %d arguments", LIMIT_ARGS);
        j->args[j->spec.n_args++] = span_of(argv[i]);
    }
    if (!file)
        return err_set(err, EINVAL, "which file?");
    return find_language(j, file, err);
}

int cli_spec(const struct cli *cli, int argc, char **argv, struct buf *out, struct err *err)
{
    auto_free struct cli_job *j = own_calloc(1, sizeof(*j));
    int rc;

    j->cli = cli;
    j->session = true;
    rc = parse(j, argc, argv, err);
    if (rc != 0)
        return rc;
    rc = spec_encode(&j->spec, out);
    return rc == 0 ? 0 : err_set(err, rc, "the job is too large");
}

/* --- asking -------------------------------------------------------------------------------- */

/* Keyed, so that a submit whose answer was lost can be repeated without a second job. */
static int submit(struct cli_job *j, struct client *c, struct id *ret_jid, struct err *err)
{
    auto_buf struct buf bytes;
    struct message m = {.type = MESSAGE_SUBMIT};
    const struct message *answer;
    const uint64_t end = clock_mono_ns() + (uint64_t)CLI_WAIT_MS * 1000000u;
    int rc;

    j->spec.head.keyed = true;
    if (getrandom(j->spec.head.key, sizeof(j->spec.head.key), 0) < 0)
        return err_errno(err, "getrandom");
    memcpy(j->spec.head.body_hash, j->spec.head.key, sizeof(j->spec.head.key));
    buf_init(&bytes, LIMIT_SPEC);
    rc = spec_encode(&j->spec, &bytes);
    if (rc != 0)
        return err_set(err, rc, "the job is too large");
    m.submit.spec = buf_span(&bytes);
    do
        rc = client_call(c, &m, CLI_TIMEOUT_MS, &answer, err);
    while ((rc == -EAGAIN || rc == -ETIMEDOUT) && clock_mono_ns() < end && usleep(200000) == 0);
    if (rc != 0)
        return rc;
    if (answer->type != MESSAGE_ACCEPTED)
        return err_set(err, EPROTO, "the peer's answer makes no sense");
    *ret_jid = answer->accepted.jid;
    return 0;
}

/* Answered at once when `wait_ms` is 0, else when the job passes version `seen`. */
static int query(struct client *c, const struct message_job *job, uint32_t wait_ms,
                 const struct message **ret_answer, struct err *err)
{
    struct message m = {.type = MESSAGE_QUERY};
    int rc;

    m.job.jid = job->jid;
    m.job.wait_ms = wait_ms;
    m.job.seen = job->version;
    (void)snprintf(m.job.tenant, sizeof(m.job.tenant), "*");
    rc = client_call(c, &m, wait_ms + CLI_TIMEOUT_MS, ret_answer, err);
    if (rc == 0 && (*ret_answer)->type != MESSAGE_JOB)
        return err_set(err, EPROTO, "the peer's answer makes no sense");
    return rc;
}

/* --- showing ------------------------------------------------------------------------------- */

static void show_bytes(FILE *to, struct span s)
{
    if (s.len)
        (void)fwrite(s.data, 1, s.len, to);
}

static void show_run(const struct result_run *run)
{
    (void)fprintf(stderr, "  %.3f s CPU, %.3f s wall, %.1f MB", (double)run->cpu_us / 1e6,
                  (double)run->wall_us / 1e6, (double)run->memory / 1e6);
}

static void show_verdict(enum result_verdict v, const struct result_cause *cause)
{
    (void)fprintf(stderr, "%s", result_verdict_name(v));
    if (cause->kind[0])
        (void)fprintf(stderr, " (%s: %s)", cause->kind, cause->detail);
}

static int show_result(struct span bytes)
{
    struct result r;
    struct err err = {0};
    int status;

    if (result_decode(bytes, &r, &err) != 0)
        return cli_complain(err.text);
    if (r.has_compile && r.compile.exit_code != 0)
        show_bytes(stderr, r.compile.err);
    if (!r.n_tests) {
        show_bytes(stdout, r.run.out);
        (void)fflush(stdout);
        show_bytes(stderr, r.run.err);
    }
    for (uint32_t i = 0; i < r.n_tests; i++) {
        (void)fprintf(stderr, "test %u %s: ", r.tests[i].index + 1, r.tests[i].name);
        show_verdict(r.tests[i].verdict, &r.tests[i].cause);
        show_run(&r.tests[i].run);
        (void)fputc('\n', stderr);
    }
    show_verdict(r.verdict, &r.cause);
    show_run(&r.run);
    if (r.total)
        (void)fprintf(stderr, ", %u of %u tests", r.passed, r.total);
    (void)fprintf(stderr, ", node %s (%s)\n", r.node, r.isolation);
    status = r.verdict != RESULT_ACCEPTED;
    result_done(&r);
    return status;
}

static int show_job(const struct message_job *job)
{
    char jid[ID_TEXT_SIZE];

    if (job->state == MESSAGE_STATE_COMPLETED && job->result.len)
        return show_result(job->result);
    (void)fprintf(stderr, "job %s is %s%s%s\n", id_format(&job->jid, jid),
                  message_state_name(job->state), job->reason[0] ? ": " : "", job->reason);
    return message_state_final(job->state);
}

/* --- commands ------------------------------------------------------------------------------ */

static int await(const struct cli *cli, struct client **c, const struct id *jid, struct err *err)
{
    struct message_job known = {.jid = *jid};
    const struct message *answer;
    int rc;

    for (;;) {
        rc = query(*c, &known, CLI_WAIT_MS, &answer, err);
        if (rc == 0 && message_state_final(answer->view.state))
            return show_job(&answer->view);
        if (rc == 0) {
            known.version = answer->view.version;
        } else if (rc == -EPIPE || rc == -ETIMEDOUT) {
            client_close(*c);
            *c = cli_connect(cli);
            if (!*c)
                return 2;
        } else if (rc != -EAGAIN) {
            return cli_complain(err->text);
        }
    }
}

static int submit_command(const struct cli *cli, int argc, char **argv, bool wait)
{
    auto_free struct cli_job *j = own_calloc(1, sizeof(*j));
    struct err err = {0};
    struct client *c;
    struct id jid;
    char text[ID_TEXT_SIZE];
    int status = 0;

    j->cli = cli;
    if (parse(j, argc, argv, &err) != 0 || read_input(j, &err) != 0)
        return cli_complain(err.text);
    c = cli_connect(cli);
    if (!c)
        return 2;
    if (submit(j, c, &jid, &err) != 0)
        status = cli_complain(err.text);
    else if (wait)
        status = await(cli, &c, &jid, &err);
    else
        (void)printf("%s\n", id_format(&jid, text));
    client_close(c);
    return status;
}

int cli_run(const struct cli *cli, int argc, char **argv)
{
    return submit_command(cli, argc, argv, true);
}

int cli_submit(const struct cli *cli, int argc, char **argv)
{
    return submit_command(cli, argc, argv, false);
}

int cli_status(const struct cli *cli, int argc, char **argv)
{
    const struct message *answer;
    struct err err = {0};
    struct message_job known = {0};
    struct client *c;
    int status;

    if (argc != 2 || id_parse(argv[1], &known.jid) != 0)
        return cli_complain("usage: arena status JOB");
    c = cli_connect(cli);
    if (!c)
        return 2;
    status =
        query(c, &known, 0, &answer, &err) == 0 ? show_job(&answer->view) : cli_complain(err.text);
    client_close(c);
    return status;
}

int cli_cancel(const struct cli *cli, int argc, char **argv)
{
    struct message m = {.type = MESSAGE_CANCEL};
    const struct message *answer;
    struct err err = {0};
    struct client *c;
    int status = 0;

    if (argc != 2 || id_parse(argv[1], &m.job.jid) != 0)
        return cli_complain("usage: arena cancel JOB");
    (void)snprintf(m.job.tenant, sizeof(m.job.tenant), "*");
    c = cli_connect(cli);
    if (!c)
        return 2;
    if (client_call(c, &m, CLI_TIMEOUT_MS, &answer, &err) != 0)
        status = cli_complain(err.text);
    client_close(c);
    return status;
}
