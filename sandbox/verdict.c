/* SPDX-License-Identifier: MPL-2.0 */
#include "sandbox/verdict.h"

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/wait.h>

static void say(struct step_outcome *o, enum step_end end, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void say(struct step_outcome *o, enum step_end end, const char *fmt, ...)
{
    va_list ap;

    o->end = end;
    va_start(ap, fmt);
    (void)vsnprintf(o->detail, sizeof(o->detail), fmt, ap);
    va_end(ap);
}

static bool failed(const struct facts *f)
{
    return f->exited && (!WIFEXITED(f->status) || WEXITSTATUS(f->status) != 0);
}

/* The runtime's own word that an allocation was refused, or NULL. */
static const char *allocator_says(const struct facts *f)
{
    for (uint32_t i = 0; i < f->memory_errors.n; i++) {
        const char *text = f->memory_errors.at[i];

        if (f->err.len && memmem(f->err.data, f->err.len, text, strlen(text)))
            return text;
    }
    return NULL;
}

static uint64_t over(uint64_t is, uint64_t limit)
{
    return is > limit ? is - limit : 0;
}

static void time_over(const struct facts *f, struct step_outcome *o, bool cpu)
{
    const uint64_t is = cpu ? f->cpu_us : f->wall_us;
    const uint64_t limit = (cpu ? f->limits->cpu_ms : f->limits->wall_ms) * 1000;

    o->overshoot_us = over(is, limit);
    say(o, cpu ? STEP_END_CPU_TIME : STEP_END_WALL_TIME,
        "%s %" PRIu64 " us of %" PRIu64 " ms allowed, %s", cpu ? "CPU time" : "wall time", is,
        limit / 1000, cpu ? "user and system, all processes" : "by the monotonic clock");
}

/* Limits that the facts show to be hit, whether we killed or the program ended by itself. */
static bool by_limit(const struct facts *f, struct step_outcome *o)
{
    if (f->kill == KILL_MEMORY && !f->use.oom_kills) {
        say(o, STEP_END_MEMORY, "%" PRIu64 " bytes of %" PRIu64 " allowed were resident", f->memory,
            f->limits->memory);
    } else if (f->use.oom_kills) {
        say(o, STEP_END_MEMORY, "the kernel killed %" PRIu64 " process(es) at %" PRIu64 " bytes",
            f->use.oom_kills, f->limits->memory);
    } else if (f->kill == KILL_THRASHING) {
        say(o, STEP_END_MEMORY,
            "at %" PRIu64 " of %" PRIu64 " bytes there was too little room for the files it runs: "
            "%" PRIu64 " bytes of them were dropped and read again",
            f->thrash.held < f->limits->memory ? f->thrash.held : f->limits->memory,
            f->limits->memory, f->thrash.excess);
    } else if (f->kill == KILL_CPU || f->cpu_us > f->limits->cpu_ms * 1000) {
        time_over(f, o, true);
    } else if (f->kill == KILL_WALL || f->wall_us > f->limits->wall_ms * 1000) {
        time_over(f, o, false);
    } else if (f->kill == KILL_PROCESSES) {
        say(o, STEP_END_PROCESSES, "more than %" PRIu64 " processes and threads were seen",
            f->limits->processes);
    } else if (f->kill == KILL_FILES) {
        say(o, STEP_END_FILE_SIZE,
            "more than %" PRIu64 " bytes or %" PRIu64 " files in the work directory",
            f->limits->file_size, f->limits->files);
    } else if (f->kill == KILL_OUTPUT || f->out_truncated || f->err_truncated) {
        say(o, STEP_END_OUTPUT, "more than %" PRIu64 " bytes on %s", f->limits->output,
            f->out_truncated ? "stdout" : "stderr");
    } else if (f->files_missed) {
        say(o, STEP_END_FILE_SIZE, "more than %d files to be kept were left in the work directory",
            STEP_FILES_OUT);
    } else {
        return false;
    }
    return true;
}

static void by_signal(const struct facts *f, struct step_outcome *o)
{
    int sig = WTERMSIG(f->status);

    o->exit_code = -1;
    o->signal = sig;
    if (sig == SIGXFSZ)
        say(o, STEP_END_FILE_SIZE, "SIGXFSZ: a file grew past %" PRIu64 " bytes",
            f->limits->file_size);
    else if (sig == SIGXCPU)
        say(o, STEP_END_CPU_TIME, "SIGXCPU: one process used more than its CPU time");
    else if (sig == SIGSYS)
        say(o, STEP_END_SYSCALL, "SIGSYS: a system call was refused");
    else
        say(o, STEP_END_SIGNALED, "killed by signal %d (%s)", sig, strsignal(sig));
}

/* A program that failed by itself: what made it fail, as far as the kernel knows. */
static void by_failure(const struct facts *f, struct step_outcome *o)
{
    const char *text = allocator_says(f);
    bool at_limit = f->memory >= f->limits->memory - f->limits->memory / 32;

    if (o->end != STEP_END_EXITED && o->end != STEP_END_SIGNALED)
        return;
    if (text)
        say(o, STEP_END_MEMORY, "the allocator was refused: \"%s\" at a peak of %" PRIu64 " bytes",
            text, f->memory);
    else if (at_limit)
        say(o, STEP_END_MEMORY, "failed with a peak of %" PRIu64 " of %" PRIu64 " bytes", f->memory,
            f->limits->memory);
    else if (f->use.forks_refused)
        say(o, STEP_END_PROCESSES,
            "failed after %" PRIu64 " fork(s) were refused at %" PRIu64 " processes",
            f->use.forks_refused, f->limits->processes);
    else if (f->box_full)
        say(o, STEP_END_FILE_SIZE, "failed with the work directory full (%" PRIu64 " bytes)",
            f->limits->file_size);
}

static void by_itself(const struct facts *f, struct step_outcome *o)
{
    if (WIFSIGNALED(f->status)) {
        by_signal(f, o);
    } else {
        o->exit_code = WEXITSTATUS(f->status);
        say(o, STEP_END_EXITED, "exited with %d", o->exit_code);
    }
    if (failed(f))
        by_failure(f, o);
}

void verdict_decide(const struct facts *f, struct step_outcome *o)
{
    o->exit_code = -1;
    o->signal = f->exited ? 0 : SIGKILL;
    (void)snprintf(o->refused, sizeof(o->refused), "%s", f->refused);
    if (f->kill == KILL_BROKEN) {
        (void)snprintf(o->err_text, sizeof(o->err_text), "%s", f->err_text);
        say(o, STEP_END_BROKEN, "%s", f->err_text);
        return;
    }
    if (f->exited)
        by_itself(f, o);
    if (f->kill == KILL_ASKED)
        say(o, STEP_END_KILLED, "killed because it was asked for");
    else if (f->kill == KILL_SYSCALL)
        say(o, STEP_END_SYSCALL, "killed for calling %s", f->refused);
    else
        (void)by_limit(f, o);
}
