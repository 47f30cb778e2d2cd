/* SPDX-License-Identifier: MPL-2.0 */
#include "sim/campaign.h"

#include "base/clock.h"
#include "sim/report.h"
#include "sim/world.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

/* Made by the build, so that it is in no source tree: SIM_COMMIT. */
#include SIM_COMMIT_H

/*
 * How this works. The seeds are tasks 0..n-1. The parent and its workers share one page: the
 * number of the next task, and for each worker what it is at and what it found. A worker takes
 * tasks until none is left or it found something; it reports by exiting, and the parent starts
 * another in its place. So a crash and a violation take the same way.
 */

enum {
    SIM_TWICE_EVERY = 50,
    SIM_WATCHDOG_S = 300, /* of real time, for one seed */
    SIM_PROGRESS_MS = 2000,
};

struct sim_task {
    const struct sim_profile *profile;
    uint64_t seed;
    uint32_t nodes;
    uint64_t seconds;
};

struct sim_worker {
    pid_t pid;
    uint64_t task; /* it is at */
    bool found;
    struct sim_violation violation;
};

struct sim_board {
    uint64_t next;
    uint64_t done;
    uint64_t steps;
    uint64_t acks;
    struct sim_worker workers[];
};

struct sim_campaign {
    const struct sim_options *o;
    struct sim_task *tasks; /* NULL = the range */
    uint64_t n;
    struct sim_board *board; /* shared */
    uint64_t violations;
    uint64_t shown_ms;
};

static struct sim_task sim_campaign_task(const struct sim_campaign *c, uint64_t i)
{
    if (c->tasks)
        return c->tasks[i];
    return (struct sim_task){c->o->profile, c->o->seed_first + i, c->o->nodes, c->o->seconds};
}

static struct sim_setup sim_task_setup(const struct sim_options *o, const struct sim_task *t)
{
    return (struct sim_setup){.profile = t->profile,
                              .seed = t->seed,
                              .safety_ns = t->seconds * SIM_S,
                              .steps_max = o->ticks,
                              .nodes = t->nodes};
}

/* Runs one; the violation, if any, goes to `ret`. Returns its digest. */
static uint64_t sim_task_run(const struct sim_campaign *c, const struct sim_task *t,
                             struct sim_violation *ret)
{
    struct sim_setup setup = sim_task_setup(c->o, t);
    struct sim_world *w = sim_world_new(&setup);
    uint64_t digest;

    (void)sim_world_run(w);
    digest = w->digest;
    *ret = w->violation;
    __atomic_fetch_add(&c->board->steps, w->steps, __ATOMIC_RELAXED);
    __atomic_fetch_add(&c->board->acks, w->history.acks, __ATOMIC_RELAXED);
    sim_world_free(w);
    return digest;
}

static void sim_task_check(const struct sim_campaign *c, uint64_t i, struct sim_violation *ret)
{
    struct sim_task t = sim_campaign_task(c, i);
    struct sim_violation second;
    uint64_t digest = sim_task_run(c, &t, ret);

    if (ret->found || (!c->o->twice && i % SIM_TWICE_EVERY != 0))
        return;
    if (sim_task_run(c, &t, &second) == digest)
        return;
    *ret = (struct sim_violation){.found = true, .which = SIM_TWICE};
    snprintf(ret->text, sizeof(ret->text), "a second run ended with another digest");
}

static void __attribute__((noreturn))
sim_worker_main(const struct sim_campaign *c, struct sim_worker *me)
{
    uint64_t i;

    while ((i = __atomic_fetch_add(&c->board->next, 1, __ATOMIC_RELAXED)) < c->n) {
        me->task = i;
        alarm(SIM_WATCHDOG_S);
        sim_task_check(c, i, &me->violation);
        me->found = me->violation.found;
        __atomic_fetch_add(&c->board->done, 1, __ATOMIC_RELAXED);
        if (me->found)
            _exit(1);
    }
    _exit(0);
}

static void sim_worker_start(const struct sim_campaign *c, struct sim_worker *worker)
{
    fflush(NULL);
    *worker = (struct sim_worker){.task = UINT64_MAX};

    pid_t pid = fork();
    if (pid == 0)
        sim_worker_main(c, worker);
    worker->pid = pid; /* the board is shared: only the parent may write this */
}

static void sim_repeat(const struct sim_task *t, const struct sim_options *o)
{
    printf("  again: arena-sim --profile %s --seed %" PRIu64 " --seconds %" PRIu64,
           t->profile->name, t->seed, t->seconds);
    if (t->nodes)
        printf(" --nodes %u", t->nodes);
    if (o->ticks)
        printf(" --ticks %" PRIu64, o->ticks);
    printf(" --trace\n");
}

static void sim_violation_print(const struct sim_task *t, const struct sim_options *o,
                                const struct sim_violation *v)
{
    printf("VIOLATION SEED=%" PRIu64 " COMMIT=%s PROFILE=%s STEP=%" PRIu64
           " TIME=%.3f INVARIANT=%s %s\n  %s\n  it says: %s\n",
           t->seed, SIM_COMMIT, t->profile->name, v->step, (double)v->at_ns / 1e9,
           sim_invariant_id(v->which), sim_invariant_name(v->which), v->text,
           sim_invariant_text(v->which));
    sim_repeat(t, o);
    fflush(stdout);
}

/* A worker ended: what does that say? */
static void sim_worker_ended(struct sim_campaign *c, struct sim_worker *worker, int status)
{
    struct sim_task t;

    worker->pid = 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return;
    if (worker->task >= c->n) {
        fprintf(stderr, "arena-sim: a worker died before its first seed\n");
        c->violations++;
        return;
    }
    t = sim_campaign_task(c, worker->task);
    if (!worker->found) {
        bool late = WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM;

        worker->violation = (struct sim_violation){.found = true, .which = SIM_CRASH};
        snprintf(worker->violation.text, sizeof(worker->violation.text),
                 late ? "it does not end: stopped after %d s of real time"
                      : "the process died of signal %d (its message is on standard error)",
                 late                  ? (int)SIM_WATCHDOG_S
                 : WIFSIGNALED(status) ? WTERMSIG(status)
                                       : 0);
        __atomic_fetch_add(&c->board->done, 1, __ATOMIC_RELAXED);
    }
    /* A broken rule counts as caught when what it protects is seen to break. */
    if (c->o->expect && worker->violation.which > SIM_I13)
        return;
    c->violations++;
    if (!c->o->expect)
        sim_violation_print(&t, c->o, &worker->violation);
    else if (c->violations == 1)
        printf("caught %s by %s %s after %" PRIu64 " seeds\n", c->o->expect,
               sim_invariant_id(worker->violation.which),
               sim_invariant_name(worker->violation.which), worker->task + 1);
}

static void sim_campaign_progress(struct sim_campaign *c, uint64_t started_ms)
{
    uint64_t now = clock_mono_ns() / SIM_MS;
    const struct sim_board *b = c->board;

    if (now < c->shown_ms + SIM_PROGRESS_MS)
        return;
    c->shown_ms = now;
    fprintf(stderr,
            "%" PRIu64 "/%" PRIu64 " seeds, %" PRIu64 " violations, %" PRIu64 " jobs kept, %" PRIu64
            " steps, %" PRIu64 " s\n",
            b->done, c->n, c->violations, b->acks, b->steps, (now - started_ms) / 1000);
}

static void sim_campaign_stop(struct sim_campaign *c)
{
    for (uint32_t i = 0; i < c->o->workers; i++) {
        if (c->board->workers[i].pid > 0)
            kill(c->board->workers[i].pid, SIGKILL);
    }
}

static void sim_campaign_wait(struct sim_campaign *c)
{
    uint64_t started_ms = clock_mono_ns() / SIM_MS;
    uint32_t running = 0;
    bool stopped = false;

    for (uint32_t i = 0; i < c->o->workers; i++, running++)
        sim_worker_start(c, &c->board->workers[i]);
    c->shown_ms = started_ms;
    while (running > 0) {
        int status = 0;
        pid_t pid = waitpid(-1, &status, WNOHANG);
        struct sim_worker *worker = c->board->workers;

        sim_campaign_progress(c, started_ms);
        if (pid <= 0) {
            usleep(20000);
            continue;
        }
        while (worker->pid != pid)
            worker++;
        if (!stopped)
            sim_worker_ended(c, worker, status);
        worker->pid = 0;
        running--;
        if (c->o->expect && c->violations && !stopped) {
            stopped = true;
            sim_campaign_stop(c);
        } else if (!stopped && c->board->next < c->n) {
            sim_worker_start(c, worker);
            running++;
        }
    }
}

/* "PROFILE SEED [NODES [SECONDS]] # word", one a line. */
static int sim_campaign_read(struct sim_campaign *c, const char *path)
{
    FILE *f = fopen(path, "re");
    char line[512];

    if (!f)
        return -errno;
    while (fgets(line, sizeof(line), f)) {
        struct sim_task t = {.seconds = c->o->seconds};
        char profile[32];

        line[strcspn(line, "#\n")] = 0;
        if (sscanf(line, "%31s %" SCNu64 " %u %" SCNu64, profile, &t.seed, &t.nodes, &t.seconds) <
            2)
            continue;
        t.profile = sim_profile_find(profile);
        if (!t.profile) {
            fprintf(stderr, "arena-sim: %s: no profile %s\n", path, profile);
            continue;
        }
        c->tasks = own_realloc(c->tasks, (c->n + 1) * sizeof(*c->tasks));
        c->tasks[c->n++] = t;
    }
    fclose(f);
    return 0;
}

int sim_campaign_run(const struct sim_options *o)
{
    struct sim_campaign c = {.o = o, .n = o->seed_last - o->seed_first + 1};
    size_t size = sizeof(*c.board) + o->workers * sizeof(struct sim_worker);

    if (o->seeds_file) {
        c.n = 0;
        if (sim_campaign_read(&c, o->seeds_file) < 0) {
            fprintf(stderr, "arena-sim: cannot read %s\n", o->seeds_file);
            return 2;
        }
    }
    c.board = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (c.board == MAP_FAILED)
        return 2;
    sim_campaign_wait(&c);
    if (o->expect && !c.violations)
        printf("NOT CAUGHT: %s, in %" PRIu64 " seeds\n", o->expect, c.n);
    else if (!o->expect)
        printf("%" PRIu64 " seeds, %" PRIu64 " violations\n", c.n, c.violations);
    munmap(c.board, size);
    free(c.tasks);
    return (c.violations != 0) != (o->expect != NULL);
}

static void sim_campaign_story(const struct sim_world *w)
{
    const struct sim_history *y = &w->history;

    printf("seed %" PRIu64 ", profile %s, commit %s\n ", w->setup.seed, w->setup.profile->name,
           SIM_COMMIT);
    for (enum sim_swarm_field f = 0; f < SIM_SWARM_N; f++)
        printf(" %s=%u", sim_swarm_name(f), sim_swarm_value(&w->swarm, f));
    printf("\n  faults:");
    for (enum sim_fault f = 0; f < SIM_FAULT_N; f++) {
        if (w->faults.done[f])
            printf(" %s=%" PRIu64, sim_fault_name(f), w->faults.done[f]);
    }
    printf("\n  %.3f simulated s, %" PRIu64 " steps, %" PRIu64 " frames (%" PRIu64
           " lost), %u jobs, %" PRIu64 " acknowledged, %" PRIu64 " runs, %" PRIu64 " cancels\n"
           "  clients: %" PRIu64 " answers, %" PRIu64 " refusals, %" PRIu64 " silences, %" PRIu64
           " given up\n  digest %016" PRIx64 "\n",
           (double)w->queue.now_ns / 1e9, w->steps, w->net.frames, w->net.lost, y->n_jobs, y->acks,
           y->runs, y->cancels, w->clients.answered, w->clients.refused, w->clients.silent,
           w->clients.given_up, w->digest);
}

int sim_campaign_one(const struct sim_options *o)
{
    struct sim_task t = {o->profile, o->seed_first, o->nodes, o->seconds};
    struct sim_setup setup = sim_task_setup(o, &t);
    struct sim_world *w;
    int bad;

    setup.trace = o->trace ? stdout : NULL;
    setup.timeline = o->report != NULL;
    w = sim_world_new(&setup);
    (void)sim_world_run(w);
    sim_campaign_story(w);
    bad = w->violation.found;
    if (bad)
        sim_violation_print(&t, o, &w->violation);
    if (o->report && sim_report_write(w, o->report) < 0) {
        fprintf(stderr, "arena-sim: cannot write %s\n", o->report);
        bad = 1;
    }
    if (o->twice) {
        struct sim_setup again = sim_task_setup(o, &t);
        struct sim_world *second = sim_world_new(&again);

        (void)sim_world_run(second);
        printf("  again: digest %016" PRIx64 " (%s)\n", second->digest,
               second->digest == w->digest ? "the same" : "DIFFERENT");
        bad = bad || second->digest != w->digest;
        sim_world_free(second);
    }
    printf("1 seeds, %d violations\n", bad);
    sim_world_free(w);
    return bad;
}
