/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works
 *
 *     solution  --stdout--> relay --stdin-->  interactor (argv: input output expected)
 *        ^                                       |
 *        +------stdin-- relay <--stdout----------+
 *
 * Both sides start at once, so two slots must be idle; the run that waits for them holds the
 * others back until they are. Each side that ends closes its pipes, which ends the other. The
 * interactor's exit status is the verdict, unless the solution failed before it spoke.
 */
#include "node/run_state.h"

#include "base/own.h"
#include "node/verdict.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>

static int start_judge(struct run *r, uint32_t test, const int fds[2], struct err *err)
{
    const struct spec_test *t = r->spec.n_tests ? &r->spec.tests[test] : NULL;
    const struct span nothing = {NULL, 0};
    const struct span args[] = {span_of("input"), span_of("output"), span_of("expected")};
    const struct spec_limits none = {0};
    auto_fd int input = program_memfd("input", t ? t->input : r->spec.input);
    auto_fd int expected = program_memfd("expected", t && t->has_expected ? t->expected : nothing);
    const struct step_file more[] = {{"input", input, false}, {"expected", expected, false}};
    const struct program_ask ask = {.phase = "run",
                                    .args = args,
                                    .n_args = ARRAY_LEN(args),
                                    .limits = &none,
                                    .policy = &r->env->policy,
                                    .more = more,
                                    .n_more = ARRAY_LEN(more),
                                    .stdin_fd = fds[0]};
    struct step step;
    int rc;

    if (input < 0 || expected < 0)
        return err_set(err, EIO, "memfd for the interactor");
    rc = program_step(&r->checker, &ask, &step, err);
    if (rc != 0)
        return -EIO;
    step.stdout_fd = fds[1];
    rc = run_slot(r, TASK_JUDGE, test, &step);
    program_step_done(&step);
    return rc;
}

static int start_talk(struct run *r, uint32_t test, const int fds[2], struct err *err)
{
    const struct spec_test *t = r->spec.n_tests ? &r->spec.tests[test] : NULL;
    const bool own_args = t && t->has_args;
    const struct program_ask ask = {.phase = "run",
                                    .args = own_args ? t->args : r->spec.args,
                                    .n_args = own_args ? t->n_args : r->spec.n_args,
                                    .limits = &r->spec.limits,
                                    .policy = &r->env->policy,
                                    .stdin_fd = fds[0]};
    struct step step;
    int rc = program_step(&r->solution, &ask, &step, err);

    if (rc != 0)
        return -EIO;
    step.stdout_fd = fds[1];
    rc = run_slot(r, TASK_TALK, test, &step);
    program_step_done(&step);
    return rc;
}

int dialogue_start(struct run *r, uint32_t test, struct err *err)
{
    struct trial *t = &r->trials[test];
    struct relay_ends ends[RELAY_SIDES];
    int rc;

    if (slots_ready(r->env->slots) < 2)
        return err_set(err, ENOTSUP, "an interactive problem needs two slots on one node");
    if (slots_ready(r->env->slots) - slots_busy(r->env->slots) < 2)
        return -EAGAIN;
    relay_free(STEAL(t->relay));
    t->relay = relay_new(r->env->loop, RESULT_SAID_MAX, ends, err);
    if (!t->relay)
        return -EIO;
    auto_fd int there_out = ends[RELAY_JUDGE].in;
    auto_fd int there_in = ends[RELAY_PROGRAM].out;
    auto_fd int back_out = ends[RELAY_PROGRAM].in;
    auto_fd int back_in = ends[RELAY_JUDGE].out;

    t->again = t->judge_first = false;
    t->late = RESULT_NOBODY;
    rc = start_judge(r, test, (const int[2]){there_out, back_in}, err);
    if (rc != 0)
        return rc;
    t->state = TRIAL_RUNNING;
    t->talking = 1;
    rc = start_talk(r, test, (const int[2]){back_out, there_in}, err);
    if (rc == 0)
        t->talking = 2;
    else
        t->again = true; /* the interactor meets a closed pipe and ends */
    return rc == -EAGAIN ? 0 : rc;
}

/* What was said, who ended first, whose time ran out. */
static void dialogue_report(struct trial *t)
{
    struct result_talk *talk = &t->result.run.talk;

    talk->first = t->judge_first ? RESULT_INTERACTOR : RESULT_PROGRAM;
    talk->late = t->late;
    talk->truncated = relay_transcript(t->relay, &talk->said);
    relay_free(STEAL(t->relay));
}

static void dialogue_decide(struct run *r, struct trial *t)
{
    struct result_test *result = &t->result;
    const bool broken_pipe = result->run.signal == SIGPIPE;
    enum result_verdict verdict = result->verdict;

    if (t->again) {
        verdict_run_done(&result->run);
        run_trial_again(r, t, TRIAL_WAITING, "a sandbox of the dialogue broke");
        return;
    }
    if (t->judge != RESULT_ACCEPTED &&
        (t->judge_first || broken_pipe || verdict == RESULT_ACCEPTED)) {
        verdict = t->judge;
        result->cause = t->judge_cause;
    }
    dialogue_report(t);
    run_trial_done(r, t, verdict);
}

void dialogue_ended(struct run *r, uint32_t test, bool judge, struct step_outcome *o)
{
    struct trial *t = &r->trials[test];

    t->talking--;
    if (o && (o->end == STEP_END_CPU_TIME || o->end == STEP_END_WALL_TIME))
        t->late |= judge ? RESULT_INTERACTOR : RESULT_PROGRAM;
    if (!o) {
        t->again = true;
    } else if (judge) {
        t->judge_first = t->talking > 0;
        t->judge = verdict_of_checker(o, &t->judge_cause);
    } else {
        t->result.verdict = verdict_of_step(o, &t->result.cause);
        verdict_run_done(&t->result.run);
        verdict_run(o, run_output_max(r), &t->result.run);
    }
    if (t->talking == 0)
        dialogue_decide(r, t);
}
