/* SPDX-License-Identifier: MPL-2.0 */
#include "node/verdict.h"

#include "base/own.h"

#include <stdio.h>

struct verdict_row {
    enum result_verdict verdict;
    const char *kind;
    const char *detail; /* when the sandbox gave none */
};

static const struct verdict_row verdict_rows[STEP_END_N] = {
    [STEP_END_EXITED] = {RESULT_ACCEPTED, "exit_code", "the program ended by itself"},
    [STEP_END_SIGNALED] = {RESULT_RUNTIME_ERROR, "signal", "a signal ended the program"},
    [STEP_END_CPU_TIME] = {RESULT_TIME_LIMIT, "cpu_time", "the CPU time limit was reached"},
    [STEP_END_WALL_TIME] = {RESULT_TIME_LIMIT, "wall_time", "the wall time limit was reached"},
    [STEP_END_MEMORY] = {RESULT_MEMORY_LIMIT, "memory", "the memory limit was reached"},
    [STEP_END_OUTPUT] = {RESULT_OUTPUT_LIMIT, "output", "the output limit was reached"},
    [STEP_END_FILE_SIZE] = {RESULT_OUTPUT_LIMIT, "file_size", "the file size limit was reached"},
    [STEP_END_PROCESSES] = {RESULT_RUNTIME_ERROR, "processes", "the process limit was reached"},
    [STEP_END_SYSCALL] = {RESULT_RUNTIME_ERROR, "syscall", "a system call was refused"},
    [STEP_END_KILLED] = {RESULT_CANCELLED, "cancelled", "the run was cancelled"},
    [STEP_END_BROKEN] = {RESULT_INTERNAL_ERROR, "sandbox", "the sandbox failed"},
};

static void cause_set(struct result_cause *c, const char *kind, const char *detail)
{
    memset(c, 0, sizeof(*c));
    (void)snprintf(c->kind, sizeof(c->kind), "%s", kind);
    (void)snprintf(c->detail, sizeof(c->detail), "%s", detail);
}

/* However it ended: the call that a program was refused may be why. */
static void name_refused(struct result_cause *c, const char *call)
{
    size_t n = strlen(c->detail);

    (void)snprintf(c->detail + n, sizeof(c->detail) - n, "; refused before: %s", call);
}

enum result_verdict verdict_of_step(const struct step_outcome *o, struct result_cause *ret_cause)
{
    const struct verdict_row *row = &verdict_rows[o->end];

    if (o->end == STEP_END_EXITED && o->exit_code == 0) {
        cause_set(ret_cause, "", "");
        return RESULT_ACCEPTED;
    }
    cause_set(ret_cause, row->kind, o->detail[0] ? o->detail : row->detail);
    if (o->end == STEP_END_EXITED)
        (void)snprintf(ret_cause->detail, sizeof(ret_cause->detail),
                       "the program ended with exit status %d", o->exit_code);
    if (o->end == STEP_END_SYSCALL && o->refused[0])
        (void)snprintf(ret_cause->detail, sizeof(ret_cause->detail),
                       "the system call %s was refused", o->refused);
    else if (o->refused[0])
        name_refused(ret_cause, o->refused);
    return o->end == STEP_END_EXITED ? RESULT_RUNTIME_ERROR : row->verdict;
}

enum result_verdict verdict_of_compile(const struct step_outcome *o, struct result_cause *ret_cause)
{
    if (verdict_of_step(o, ret_cause) == RESULT_ACCEPTED)
        return RESULT_ACCEPTED;
    if (o->end == STEP_END_EXITED)
        (void)snprintf(ret_cause->detail, sizeof(ret_cause->detail),
                       "the compiler ended with exit status %d", o->exit_code);
    return RESULT_COMPILE_ERROR;
}

/* The first line of what a checker wrote, for the cause. */
static void first_line(struct span text, char *out, size_t size)
{
    size_t n = 0;

    for (size_t i = 0; i < text.len && n + 1 < size && text.data[i] != '\n'; i++)
        out[n++] = text.data[i] >= 0x20 && text.data[i] < 0x7f ? (char)text.data[i] : '?';
    out[n] = 0;
}

enum result_verdict verdict_of_checker(const struct step_outcome *o, struct result_cause *ret_cause)
{
    char says[LIMIT_TEXT / 2];

    if (o->end == STEP_END_EXITED && o->exit_code == 0) {
        cause_set(ret_cause, "", "");
        return RESULT_ACCEPTED;
    }
    if (o->end != STEP_END_EXITED) {
        (void)verdict_of_step(o, ret_cause);
        (void)snprintf(ret_cause->kind, sizeof(ret_cause->kind), "checker");
        (void)snprintf(says, sizeof(says), "%.200s", ret_cause->detail);
        (void)snprintf(ret_cause->detail, sizeof(ret_cause->detail), "the checker failed: %s",
                       says);
        return RESULT_INTERNAL_ERROR;
    }
    first_line(o->err.len ? o->err : o->out, says, sizeof(says));
    cause_set(ret_cause, "checker", "");
    (void)snprintf(ret_cause->detail, sizeof(ret_cause->detail),
                   "the checker ended with exit status %d%s%s", o->exit_code, says[0] ? ": " : "",
                   says);
    return RESULT_WRONG_ANSWER;
}

static struct span copy(struct span from, size_t max, bool *truncated)
{
    const size_t len = from.len < max ? from.len : max;

    *truncated |= len < from.len;
    return (struct span){own_memdup(from.data, len), len};
}

void verdict_run(const struct step_outcome *o, size_t output_max, struct result_run *ret_run)
{
    *ret_run = (struct result_run){
        .exit_code = o->exit_code,
        .signal = o->signal,
        .cpu_us = o->cpu_us,
        .wall_us = o->wall_us,
        .memory = o->memory,
        .stdout_truncated = o->out_truncated,
        .stderr_truncated = o->err_truncated,
        .switches_voluntary = o->switches_voluntary,
        .switches_forced = o->switches_forced,
        .pressure_us = o->pressure_us,
        .steal_us = o->steal_us,
        .cpu_khz = o->cpu_khz,
        .overshoot_us = o->overshoot_us,
    };
    ret_run->out = copy(o->out, output_max, &ret_run->stdout_truncated);
    ret_run->err = copy(o->err, output_max, &ret_run->stderr_truncated);
}

void verdict_run_done(struct result_run *run)
{
    free((void *)(uintptr_t)run->out.data);
    free((void *)(uintptr_t)run->err.data);
    free((void *)(uintptr_t)run->talk.said.data);
    run->out = run->err = run->talk.said = (struct span){NULL, 0};
}
