/* SPDX-License-Identifier: MPL-2.0 */
/*
 * bench_sandbox SANDBOX HELLO HELLO_LIBC FORKER: what it costs to run a static program in a
 * sandbox, next to starting it with nothing and to starting it with bubblewrap.
 *
 * How this works: the ways to start are measured in turns, one of each per round, so that a
 * slow minute of the machine hits all alike; then the same with a pause before each start,
 * because attaching to control groups costs most when nothing has done so for a while. Figures
 * are medians. Two of bubblewrap: with what a run of ours has too (a /proc, a /dev and a scratch
 * directory of its own), which the target is about, and with nothing but the namespaces. A
 * program with a C library is timed besides, for the record. Prints "NAME ratio FIGURE target
 * FIGURE ok|short" and fails when one is short.
 */
#include "base/buf.h"
#include "base/clock.h"
#include "base/own.h"
#include "sandbox/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

enum {
    ROUNDS = 300,
    IDLE_ROUNDS = 60,
    LIBC_ROUNDS = 100,
    IDLE_MS = 100,
    BWRAP_EVERY = 5, /* bubblewrap is slow; a median of ROUNDS needs no more */
    RUNS = 3000,
    KEEPERS = 4,
    KILLS = 20,
    KILL_AFTER_MS = 50,
    WAIT_MS = 30000
};

extern char **environ;

struct subject {
    struct keeper *keeper;
    pid_t pid;
    bool more; /* news may be there without a poll */
    uint64_t started_ns;
};

struct series {
    uint64_t us[ROUNDS];
    size_t n;
};

static const char *sandbox, *hello, *forker;
static int hello_fd, forker_fd;
static unsigned shorts;

static void die(const char *what, const char *why)
{
    fprintf(stderr, "bench_sandbox: %s: %s\n", what, why);
    exit(2);
}

static void subject_start(struct subject *s, bool fresh)
{
    char *argv[] = {(char *)(uintptr_t)sandbox, (char *)(uintptr_t) "serve", NULL};
    posix_spawn_file_actions_t fa;
    struct err err = {0};
    int fds[2];

    if (keeper_pair(fds, &err) < 0)
        die("keeper_pair", err.text);
    keeper_let_go();
    (void)setenv("SANDBOX_FRESH", fresh ? "1" : "0", 1);
    posix_spawn_file_actions_init(&fa);
    posix_spawn_file_actions_adddup2(&fa, fds[1], 3);
    if (posix_spawn(&s->pid, sandbox, &fa, NULL, argv, environ) != 0)
        die(sandbox, strerror(errno));
    posix_spawn_file_actions_destroy(&fa);
    (void)unsetenv("SANDBOX_FRESH");
    (void)close(fds[1]);
    s->keeper = keeper_new(&fds[0]);
}

static void subject_stop(struct subject *s)
{
    keeper_free(s->keeper);
    (void)waitpid(s->pid, NULL, 0);
}

static struct keeper_news subject_read(struct subject *s)
{
    struct keeper_news news = {0};
    struct err err = {0};

    if (keeper_read(s->keeper, &news, &err) < 0)
        die("keeper", err.text);
    s->more = news.what != KEEPER_NOTHING;
    return news;
}

/* The next news that is not nothing. As a daemon's loop does, polls before it reads. */
static struct keeper_news subject_wait(struct subject *s)
{
    struct keeper_news news;

    do {
        struct pollfd p = {.fd = keeper_fd(s->keeper), .events = POLLIN};

        if (!s->more && poll(&p, 1, WAIT_MS) != 1)
            die("keeper", "says nothing");
        news = subject_read(s);
    } while (!s->more);
    return news;
}

static void subject_send(struct subject *s, int program, uint64_t wall_ms)
{
    static char arg0[] = STEP_WORK_DIR "/main";
    char *argv[] = {arg0, NULL}, *env[] = {NULL};
    struct step_file file = {.name = "main", .fd = program, .executable = true};
    struct step step = {.profile = "c", .phase = "run", .n_argv = 1, .argv = argv, .env = env};
    struct err err = {0};

    step.n_files = 1;
    step.files = &file;
    step.stdin_fd = -1;
    step.limits = (struct step_limits){.cpu_ms = 5000,
                                       .wall_ms = wall_ms,
                                       .memory = 64 * LIMIT_MIB,
                                       .output = 64 * LIMIT_KIB,
                                       .processes = 64,
                                       .stack = 8 * LIMIT_MIB,
                                       .file_size = 4 * LIMIT_MIB,
                                       .files = 64};
    if (keeper_send(s->keeper, &step, &err) < 0)
        die("keeper_send", err.text);
    s->started_ns = clock_mono_ns();
}

/* True when `news` was the good end of a hello. */
static bool is_hello(struct keeper_news *news)
{
    if (news->what != KEEPER_OUTCOME)
        return false;
    if (news->outcome.end != STEP_END_EXITED || news->outcome.exit_code != 0 ||
        !span_eq(news->outcome.out, span_of("hello\n")))
        die("hello", news->outcome.detail);
    step_outcome_done(&news->outcome);
    return true;
}

static uint64_t run_sandbox(struct subject *s, int program)
{
    struct keeper_news news;
    uint64_t begin = clock_mono_ns();

    /* As a daemon does that has nothing else to run, and had something a moment ago. */
    keeper_place(s->keeper, s->pid, true);
    subject_send(s, program, 5000);
    do
        news = subject_wait(s);
    while (!is_hello(&news));
    return (clock_mono_ns() - begin) / 1000;
}

static void pause_ms(int ms)
{
    struct timespec ts = {ms / 1000, (long)(ms % 1000) * 1000000};

    if (ms)
        (void)nanosleep(&ts, NULL);
}

/* Starts `argv` with its output in a pipe, reads it and waits. */
static uint64_t run_bare(char *const *argv)
{
    uint64_t begin = clock_mono_ns();
    char out[64];
    ssize_t n = 0, got = 0;
    int fds[2], status;
    pid_t pid;

    if (pipe2(fds, O_CLOEXEC) < 0)
        die("pipe", strerror(errno));
    pid = vfork();
    if (pid == 0) {
        (void)dup2(fds[1], 1);
        (void)execv(argv[0], argv);
        _exit(127);
    }
    (void)close(fds[1]);
    while ((n = read(fds[0], out + got, sizeof(out) - (size_t)got)) > 0)
        got += n;
    (void)close(fds[0]);
    if (waitpid(pid, &status, 0) != pid || status != 0 || got != 6)
        die(argv[0], "did not say hello");
    return (clock_mono_ns() - begin) / 1000;
}

/* What is started without us is started by a thread of its own: the one that asks keepers may be
 * held to a CPU (keeper_place()), which a daemon's other threads and processes are not. */
static struct {
    pthread_t thread;
    sem_t go, done;
    char *const *argv;
    int gap_ms;
    uint64_t us;
} other;

static void *other_main(void *arg)
{
    for (;;) {
        while (sem_wait(&other.go) < 0)
            continue;
        pause_ms(other.gap_ms);
        other.us = run_bare(other.argv);
        (void)sem_post(&other.done);
    }
    return arg;
}

static void other_init(void)
{
    if (sem_init(&other.go, 0, 0) < 0 || sem_init(&other.done, 0, 0) < 0 ||
        pthread_create(&other.thread, NULL, other_main, NULL) != 0)
        die("thread", "cannot be made");
}

/* run_bare() after a pause. */
static uint64_t run_other(int gap_ms, char *const *argv)
{
    other.gap_ms = gap_ms;
    other.argv = argv;
    (void)sem_post(&other.go);
    while (sem_wait(&other.done) < 0)
        continue;
    return other.us;
}

static int order(const void *a, const void *b)
{
    uint64_t x, y;

    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return (x > y) - (x < y);
}

static double median(struct series *s)
{
    qsort(s->us, s->n, sizeof(s->us[0]), order);
    return s->n ? (double)s->us[s->n / 2] : 0;
}

static void verdict(const char *name, double figure, double target, bool at_most)
{
    bool ok = at_most ? figure <= target : figure >= target;

    shorts += !ok;
    printf("%s ratio %.2f target %.2f %s\n", name, figure, target, ok ? "ok" : "short");
    fflush(stdout);
}

static int memfd_of(const char *path)
{
    auto_fd int in = open(path, O_RDONLY | O_CLOEXEC);
    int out = memfd_create("program", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    char buf[65536];
    ssize_t n;

    if (in < 0 || out < 0)
        die(path, strerror(errno));
    while ((n = read(in, buf, sizeof(buf))) > 0)
        if (write(out, buf, (size_t)n) != n)
            die(path, strerror(errno));
    (void)fcntl(out, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
    return out;
}

#define BWRAP "/usr/bin/bwrap", "--unshare-all", "--ro-bind", "/", "/"

/* Starts the program with bubblewrap; `bare`: with no more than namespaces. */
static uint64_t run_bwrap(int gap_ms, bool bare)
{
    const char *const least[] = {BWRAP, hello, NULL};
    const char *const same[] = {BWRAP,     "--proc", "/proc", "--dev", "/dev",
                                "--tmpfs", "/tmp",   hello,   NULL};

    return run_other(gap_ms, (char *const *)(uintptr_t)(bare ? least : same));
}

enum { EXEC, REUSED, FRESH, BOXED, BOXED_LEAST, WAYS };

static void verdict_bwrap(const char *when, double reused, struct series s[WAYS])
{
    char name[64];

    if (s[BOXED].n == 0) {
        printf("launch%s_to_bwrap skipped: bubblewrap is not installed\n", when);
        return;
    }
    printf("medians%s, us: bwrap %.0f, with namespaces only %.0f (%.2f of it)\n", when,
           median(&s[BOXED]), median(&s[BOXED_LEAST]), reused / median(&s[BOXED_LEAST]));
    (void)snprintf(name, sizeof(name), "launch%s_to_bwrap", when);
    verdict(name, reused / median(&s[BOXED]), 0.1, true);
}

static void compare(struct subject *reused, struct subject *fresh, size_t rounds, int gap_ms)
{
    static struct series s[WAYS];
    char *plain[] = {(char *)(uintptr_t)hello, NULL};
    bool have = access("/usr/bin/bwrap", X_OK) == 0;
    const char *when = gap_ms ? "_idle" : "";
    const size_t every = gap_ms ? 1 : BWRAP_EVERY;
    char name[64];

    for (unsigned k = 0; k < WAYS; k++)
        s[k].n = 0;
    for (size_t i = 0; i < rounds; i++) {
        s[EXEC].us[s[EXEC].n++] = run_other(gap_ms, plain);
        pause_ms(gap_ms);
        s[REUSED].us[s[REUSED].n++] = run_sandbox(reused, hello_fd);
        pause_ms(gap_ms);
        s[FRESH].us[s[FRESH].n++] = run_sandbox(fresh, hello_fd);
        for (unsigned k = BOXED; have && i % every == 0 && k <= BOXED_LEAST; k++) {
            s[k].us[s[k].n++] = run_bwrap(gap_ms, k == BOXED_LEAST);
        }
    }
    printf("medians%s, us: vfork+exec %.0f, reused slot %.0f, fresh namespaces %.0f\n", when,
           median(&s[EXEC]), median(&s[REUSED]), median(&s[FRESH]));
    (void)snprintf(name, sizeof(name), "launch%s_to_exec", when);
    verdict(name, median(&s[REUSED]) / median(&s[EXEC]), 5, true);
    verdict_bwrap(when, median(&s[REUSED]), s);
}

static void compare_libc(struct subject *reused, const char *program)
{
    static struct series exec, boxed;
    char *plain[] = {(char *)(uintptr_t)program, NULL};
    int fd = memfd_of(program);

    for (size_t i = 0; i < LIBC_ROUNDS; i++) {
        exec.us[exec.n++] = run_other(0, plain);
        boxed.us[boxed.n++] = run_sandbox(reused, fd);
    }
    printf("medians with a C library, us: vfork+exec %.0f, reused slot %.0f\n", median(&exec),
           median(&boxed));
    (void)close(fd);
}

static void ready(struct subject *s)
{
    while (subject_wait(s).what != KEEPER_READY)
        ;
}

struct tally {
    unsigned sent, done;
};

/* Takes what a keeper has to say and gives it the next run. */
static void serve(struct subject *s, struct tally *t)
{
    struct keeper_news news;
    struct err err = {0};

    do {
        if (keeper_read(s->keeper, &news, &err) < 0)
            die("keeper", err.text);
        if (!is_hello(&news))
            continue;
        t->done++;
        if (t->sent++ < RUNS)
            subject_send(s, hello_fd, 5000);
    } while (news.what != KEEPER_NOTHING);
}

/* Runs a second of KEEPERS slots kept busy. */
static double rate(bool fresh)
{
    struct subject s[KEEPERS] = {0};
    struct pollfd p[KEEPERS];
    struct tally t = {0};
    uint64_t begin;

    for (unsigned i = 0; i < KEEPERS; i++) {
        subject_start(&s[i], fresh);
        ready(&s[i]);
        p[i] = (struct pollfd){.fd = keeper_fd(s[i].keeper), .events = POLLIN};
    }
    begin = clock_mono_ns();
    for (; t.sent < KEEPERS; t.sent++)
        subject_send(&s[t.sent], hello_fd, 5000);
    while (t.done < RUNS) {
        if (poll(p, KEEPERS, WAIT_MS) <= 0)
            die("keepers", "say nothing");
        for (unsigned i = 0; i < KEEPERS; i++)
            if (p[i].revents)
                serve(&s[i], &t);
    }
    begin = clock_mono_ns() - begin;
    for (unsigned i = 0; i < KEEPERS; i++)
        subject_stop(&s[i]);
    return (double)RUNS * 1e9 / (double)begin;
}

/* From the wish to kill a full fork bomb until it is known to be dead, ms. */
static double kill_ms(struct subject *s)
{
    struct series took = {.n = 0};

    for (int i = 0; i < KILLS; i++) {
        struct keeper_news news;
        uint64_t begin;

        subject_send(s, forker_fd, 20000);
        while (subject_wait(s).what != KEEPER_STARTED)
            ;
        pause_ms(KILL_AFTER_MS);
        begin = clock_mono_ns();
        if (keeper_kill(s->keeper) < 0)
            die("keeper_kill", "the keeper is gone");
        do
            news = subject_wait(s);
        while (news.what != KEEPER_OUTCOME);
        took.us[took.n++] = (clock_mono_ns() - begin) / 1000;
        if (news.outcome.end != STEP_END_KILLED)
            die("fork bomb", news.outcome.detail);
        step_outcome_done(&news.outcome);
    }
    return median(&took) / 1000;
}

int main(int argc, char **argv)
{
    struct subject reused = {0}, fresh = {0};

    if (argc != 5)
        die("usage", "bench_sandbox SANDBOX HELLO HELLO_LIBC FORKER");
    sandbox = argv[1];
    hello = argv[2];
    forker = argv[4];
    hello_fd = memfd_of(hello);
    forker_fd = memfd_of(forker);
    (void)signal(SIGPIPE, SIG_IGN);
    other_init();
    subject_start(&reused, false);
    subject_start(&fresh, true);
    ready(&reused);
    ready(&fresh);
    compare(&reused, &fresh, ROUNDS, 0);
    compare(&reused, &fresh, IDLE_ROUNDS, IDLE_MS);
    compare_libc(&reused, argv[3]);
    verdict("runs_per_second_reused", rate(false), 1500, false);
    verdict("runs_per_second_fresh", rate(true), 600, false);
    verdict("kill_64_processes_ms", kill_ms(&reused), 15, true);
    subject_stop(&reused);
    subject_stop(&fresh);
    (void)close(hello_fd);
    (void)close(forker_fd);
    return shorts ? 1 : 0;
}
