/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works
 *
 *   new -> compile solution --\
 *       -> compile checker  ---+-> test 0, 1, 2 ... -> [check] -> each DONE -> result
 *
 * A step in a slot is a struct task. What it was for is told by its kind and its test; when
 * its outcome comes, task_finished() moves the job on. A step whose sandbox broke goes back to
 * where it was before, RUN_TRIES times in all. Killed, broken, failed to compile or stopped at
 * the first failure: no new step starts, and the run is finished once the last active one is.
 */
#include "node/run_state.h"

#include "base/own.h"
#include "node/compare.h"
#include "node/verdict.h"

#include <errno.h>
#include <stdio.h>

enum {
    RUN_TRIES = 3,                              /* of one step */
    RUN_RESULT_ROOM = LIMIT_RESULT - LIMIT_MIB, /* for the outputs of all tests */
    RUN_OUTPUT_LEAST = 1024,
};

void run_break(struct run *r, const char *reason)
{
    if (!r->broken)
        (void)snprintf(r->reason, sizeof(r->reason), "%s", reason);
    r->broken = true;
}

static bool run_over(const struct run *r)
{
    return r->killed || r->broken || r->decided || r->done == r->n_trials;
}

/* --- events -------------------------------------------------------------------------------- */

static void run_tell(struct run *r, struct result_event *e)
{
    auto_buf struct buf bytes;

    buf_init(&bytes, LIMIT_RESULT);
    e->done = r->done;
    e->total = r->n_trials;
    if (result_event_encode(e, &bytes) == 0)
        r->env->event(r->env->ctx, r->exec, buf_span(&bytes));
}

static void run_tell_test(struct run *r, const struct trial *t)
{
    struct result_event e = {.kind = RESULT_EVENT_TEST, .test = t->result};

    e.test.run.out = e.test.run.err = e.test.run.talk.said = (struct span){NULL, 0};
    if (r->spec.n_tests)
        run_tell(r, &e);
    e.kind = RESULT_EVENT_PROGRESS;
    run_tell(r, &e);
}

/* --- building ------------------------------------------------------------------------------ */

static int run_checker_init(struct run *r, struct err *err)
{
    const struct spec_checker *c = &r->spec.checker;
    const struct profile *profile;
    struct spec_file file = {.content = c->code};

    if (r->spec.interactor.code.len) {
        r->interactive = true;
        c = &r->spec.interactor;
        file.content = c->code;
    } else if (c->type != SPEC_CHECKER_PROGRAM) {
        return 0;
    }
    profile = profile_find(r->env->profiles, c->language);
    if (!profile)
        return err_set(err, ENOENT, "no language '%s' here for the checker", c->language);
    r->has_checker = true;
    return program_init(&r->checker, profile, &file, 1, err);
}

static void run_trials_init(struct run *r)
{
    r->n_trials = r->spec.n_tests ? r->spec.n_tests : 1;
    r->trials = own_calloc(r->n_trials, sizeof(*r->trials));
    for (uint32_t i = 0; i < r->n_trials; i++) {
        struct result_test *t = &r->trials[i].result;

        r->trials[i].output_fd = -1;
        t->index = i;
        t->verdict = RESULT_SKIPPED;
        t->weight = 1;
        if (!r->spec.n_tests)
            continue;
        memcpy(t->name, r->spec.tests[i].name, sizeof(t->name));
        t->weight = r->spec.tests[i].weight;
        t->hidden = r->spec.tests[i].hidden;
    }
}

static int run_init(struct run *r, struct span spec, struct err *err)
{
    const struct profile *profile;
    int rc;

    r->bytes = own_memdup(spec.data, spec.len);
    rc = spec_decode((struct span){r->bytes, spec.len}, &r->spec, err);
    if (rc != 0)
        return rc;
    r->has_spec = true;
    if (r->spec.n_files == 0)
        return err_set(err, EINVAL, "the job has no file");
    profile = profile_find(r->env->profiles, r->spec.head.language);
    if (!profile)
        return err_set(err, ENOENT, "no language '%s' here", r->spec.head.language);
    rc = program_init(&r->solution, profile, r->spec.files, r->spec.n_files, err);
    if (rc == 0)
        rc = run_checker_init(r, err);
    if (rc == 0)
        run_trials_init(r);
    return rc;
}

struct run *run_new(const struct run_env *env, uint64_t exec, struct span spec)
{
    struct run *r = own_calloc(1, sizeof(*r));
    struct err err = {0};

    r->env = env;
    r->exec = exec;
    if (run_init(r, spec, &err) != 0)
        run_break(r, err.text);
    return r;
}

void run_free(struct run *r)
{
    if (!r)
        return;
    for (uint32_t i = 0; i < r->n_trials && r->trials; i++) {
        verdict_run_done(&r->trials[i].result.run);
        own_close(&r->trials[i].output_fd);
        relay_free(r->trials[i].relay);
    }
    free(r->trials);
    verdict_run_done(&r->compile);
    program_done(&r->solution);
    program_done(&r->checker);
    if (r->has_spec)
        spec_done(&r->spec);
    free(r->bytes);
    free(r);
}

uint64_t run_exec(const struct run *r)
{
    return r->exec;
}

const char *run_language(const struct run *r)
{
    return r->solution.profile ? profile_name(r->solution.profile) : "";
}

uint32_t run_active(const struct run *r)
{
    return r->active;
}

bool run_finished(const struct run *r)
{
    return r->active == 0 && run_over(r);
}

/* --- choosing the next step ---------------------------------------------------------------- */

/* True, and what it is, when a step could start. */
bool run_next(const struct run *r, enum task_kind *ret_kind, uint32_t *ret_test)
{
    *ret_test = 0;
    if (run_over(r))
        return false;
    if (r->solution.state == PROGRAM_SOURCE) {
        *ret_kind = TASK_COMPILE;
        return true;
    }
    if (r->has_checker && r->checker.state == PROGRAM_SOURCE) {
        *ret_kind = TASK_COMPILE_CHECKER;
        return true;
    }
    if (r->solution.state != PROGRAM_READY || (r->has_checker && r->checker.state != PROGRAM_READY))
        return false;
    for (uint32_t i = 0; i < r->n_trials; i++) {
        const enum trial_state state = r->trials[i].state;

        if (state != TRIAL_WAITING && state != TRIAL_TO_CHECK)
            continue;
        *ret_kind = state == TRIAL_TO_CHECK ? TASK_CHECK : r->interactive ? TASK_TALK : TASK_TEST;
        *ret_test = i;
        return true;
    }
    return false;
}

bool run_wants(const struct run *r)
{
    enum task_kind kind;
    uint32_t test;

    return run_next(r, &kind, &test);
}

/* --- what came of a step ------------------------------------------------------------------- */

/* Of each stream of a run that is kept for the result, which is bounded as a whole. */
size_t run_output_max(const struct run *r)
{
    const size_t share = (size_t)RUN_RESULT_ROOM / (2 * (size_t)r->n_trials + 4);

    return share > RUN_OUTPUT_LEAST ? share : RUN_OUTPUT_LEAST;
}

void run_trial_done(struct run *r, struct trial *t, enum result_verdict verdict)
{
    t->state = TRIAL_DONE;
    t->result.verdict = verdict;
    own_close(&t->output_fd);
    t->output_fd = -1;
    r->done++;
    run_tell_test(r, t);
    if (verdict == RESULT_ACCEPTED || !r->spec.stop_on_failure || r->stopped)
        return;
    /* No test after this one starts; those before it still decide. */
    r->stopped = true;
    for (uint32_t i = t->result.index + 1; i < r->n_trials; i++) {
        if (r->trials[i].state == TRIAL_WAITING) {
            r->trials[i].state = TRIAL_DONE;
            r->done++;
        }
    }
}

static void test_finished(struct run *r, uint32_t test, struct step_outcome *o)
{
    struct trial *t = &r->trials[test];
    const struct spec_test *s = r->spec.n_tests ? &r->spec.tests[test] : NULL;
    struct compare_difference d;
    enum result_verdict verdict = verdict_of_step(o, &t->result.cause);

    verdict_run(o, run_output_max(r), &t->result.run);
    if (verdict != RESULT_ACCEPTED || (!r->has_checker && (!s || !s->has_expected))) {
        run_trial_done(r, t, verdict);
        return;
    }
    if (r->has_checker) {
        t->output_fd = program_memfd("output", o->out);
        t->state = TRIAL_TO_CHECK;
        if (t->output_fd < 0)
            run_break(r, "memfd for the checker");
        return;
    }
    if (!compare_output(&r->spec.checker, o->out, s->expected, &d)) {
        verdict = RESULT_WRONG_ANSWER;
        (void)snprintf(t->result.cause.kind, sizeof(t->result.cause.kind), "difference");
        memcpy(t->result.cause.detail, d.detail, sizeof(t->result.cause.detail));
        t->result.cause.line = d.line;
    }
    run_trial_done(r, t, verdict);
}

static void check_finished(struct run *r, uint32_t test, struct step_outcome *o)
{
    struct trial *t = &r->trials[test];

    run_trial_done(r, t, verdict_of_checker(o, &t->result.cause));
}

static void compile_finished(struct run *r, enum task_kind kind, struct step_outcome *o)
{
    struct program *p = kind == TASK_COMPILE ? &r->solution : &r->checker;
    struct result_event told = {.kind = RESULT_EVENT_COMPILED, .exit_code = o->exit_code};

    r->tries = 0;
    if (kind == TASK_COMPILE) {
        r->has_compile = true;
        r->verdict = verdict_of_compile(o, &r->cause);
        verdict_run(o, run_output_max(r), &r->compile);
        run_tell(r, &told);
    } else if (verdict_of_compile(o, &r->cause) != RESULT_ACCEPTED) {
        r->verdict = RESULT_INTERNAL_ERROR;
        (void)snprintf(r->cause.kind, sizeof(r->cause.kind), "checker");
        (void)snprintf(r->cause.detail, sizeof(r->cause.detail),
                       "the checker does not compile: %.*s",
                       (int)(o->err.len < 300 ? o->err.len : 300), (const char *)o->err.data);
    }
    if (r->verdict != RESULT_ACCEPTED) {
        p->state = PROGRAM_BAD;
        r->decided = true;
    } else {
        program_compiled(p, o);
    }
}

void run_trial_again(struct run *r, struct trial *t, enum trial_state state, const char *why)
{
    t->state = state;
    if (++t->tries >= RUN_TRIES)
        run_break(r, why);
}

/* The step goes back to where it was before it started. */
static void task_again(struct task *t, const char *why)
{
    struct run *r = t->run;

    if (t->kind == TASK_TALK || t->kind == TASK_JUDGE)
        dialogue_ended(r, t->test, t->kind == TASK_JUDGE, NULL);
    else if (t->kind >= TASK_TEST)
        run_trial_again(r, &r->trials[t->test],
                        t->kind == TASK_TEST ? TRIAL_WAITING : TRIAL_TO_CHECK, why);
    else if (++r->tries >= RUN_TRIES)
        run_break(r, why);
    else if (t->kind == TASK_COMPILE)
        r->solution.state = PROGRAM_SOURCE;
    else
        r->checker.state = PROGRAM_SOURCE;
}

static void task_free(struct task *t)
{
    struct run *r = t->run;

    for (struct task **at = &r->tasks; *at; at = &(*at)->next) {
        if (*at == t) {
            *at = t->next;
            break;
        }
    }
    r->active--;
    free(t);
}

static void task_move_on(struct task *t, struct step_outcome *o)
{
    struct run *r = t->run;

    if (r->killed || r->broken)
        return;
    if (o->end == STEP_END_BROKEN || o->end == STEP_END_KILLED)
        task_again(t, o->err_text[0] ? o->err_text : "the sandbox failed");
    else if (t->kind == TASK_TALK || t->kind == TASK_JUDGE)
        dialogue_ended(r, t->test, t->kind == TASK_JUDGE, o);
    else if (t->kind == TASK_TEST)
        test_finished(r, t->test, o);
    else if (t->kind == TASK_CHECK)
        check_finished(r, t->test, o);
    else
        compile_finished(r, t->kind, o);
}

static void task_finished(void *ctx, struct step_outcome *o)
{
    struct task *t = ctx;
    struct run *r = t->run;
    const bool theirs = t->kind == TASK_COMPILE || t->kind == TASK_TEST || t->kind == TASK_TALK;
    const struct program *p = theirs ? &r->solution : &r->checker;

    r->env->stepped(r->env->ctx, profile_name(p->profile), t->kind >= TASK_TEST ? "run" : "compile",
                    o);
    task_move_on(t, o);
    task_free(t);
    r->env->changed(r->env->ctx);
}

static void task_lost(void *ctx, const char *why)
{
    struct task *t = ctx;
    struct run *r = t->run;

    if (!r->killed && !r->broken)
        task_again(t, why);
    task_free(t);
    r->env->changed(r->env->ctx);
}

static void task_started(void *ctx)
{
    (void)ctx;
}

static void task_piece(void *ctx, uint8_t stream, struct span piece)
{
    struct task *t = ctx;
    /* The sandbox counts them from 0. */
    struct result_event e = {.kind = RESULT_EVENT_OUTPUT, .stream = stream + 1, .piece = piece};

    e.test.index = t->test;
    if (t->kind == TASK_TEST && !t->run->trials[t->test].result.hidden)
        run_tell(t->run, &e);
}

const struct slot_hooks run_hooks = {
    .started = task_started,
    .piece = task_piece,
    .outcome = task_finished,
    .lost = task_lost,
};

void run_kill(struct run *r)
{
    struct task *next;

    if (r->killed)
        return;
    r->killed = true;
    for (struct task *t = r->tasks; t; t = next) {
        next = t->next;
        slot_kill(t->slot);
    }
}
