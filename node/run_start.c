/* SPDX-License-Identifier: MPL-2.0 */
#include "node/run_state.h"

#include "base/own.h"

#include <errno.h>

int run_slot(struct run *r, enum task_kind kind, uint32_t test, const struct step *step)
{
    struct task *t = own_calloc(1, sizeof(*t));
    int rc;

    t->run = r;
    t->kind = kind;
    t->test = test;
    rc = slots_run(r->env->slots, step, &run_hooks, t, &t->slot);
    if (rc != 0) {
        free(t);
        return rc;
    }
    t->next = r->tasks;
    r->tasks = t;
    r->active++;
    return 0;
}

static int run_start_compile(struct run *r, enum task_kind kind, struct err *err)
{
    struct program *p = kind == TASK_COMPILE ? &r->solution : &r->checker;
    const struct spec_limits none = {0};
    const struct program_ask ask = {
        .phase = "compile",
        .limits = kind == TASK_COMPILE ? &r->spec.limits : &none,
        .policy = &r->env->policy,
        .stdin_fd = -1,
    };
    struct step step;
    int rc = program_step(p, &ask, &step, err);

    if (rc != 0)
        return rc == -EAGAIN ? -EIO : rc;
    rc = run_slot(r, kind, 0, &step);
    program_step_done(&step);
    if (rc == 0)
        p->state = PROGRAM_COMPILING;
    return rc;
}

static int run_start_test(struct run *r, uint32_t test, struct err *err)
{
    const struct spec_test *t = r->spec.n_tests ? &r->spec.tests[test] : NULL;
    const bool own_args = t && t->has_args;
    auto_fd int input = program_memfd("input", t ? t->input : r->spec.input);
    const struct program_ask ask = {
        .phase = "run",
        .args = own_args ? t->args : r->spec.args,
        .n_args = own_args ? t->n_args : r->spec.n_args,
        .limits = &r->spec.limits,
        .policy = &r->env->policy,
        .stdin_fd = input,
        .stream = r->spec.stream_output,
    };
    struct step step;
    int rc;

    if (input < 0)
        return err_set(err, -input, "memfd for the input") == 0 ? 0 : -EIO;
    rc = program_step(&r->solution, &ask, &step, err);
    if (rc != 0)
        return rc == -EAGAIN ? -EIO : rc;
    rc = run_slot(r, TASK_TEST, test, &step);
    program_step_done(&step);
    if (rc == 0)
        r->trials[test].state = TRIAL_RUNNING;
    return rc;
}

/* argv: input output expected, files of those names in its directory. */
static int run_start_check(struct run *r, uint32_t test, struct err *err)
{
    const struct spec_test *t = r->spec.n_tests ? &r->spec.tests[test] : NULL;
    const struct span nothing = {NULL, 0};
    const struct span args[] = {span_of("input"), span_of("output"), span_of("expected")};
    const struct spec_limits none = {0};
    auto_fd int input = program_memfd("input", t ? t->input : r->spec.input);
    auto_fd int expected = program_memfd("expected", t && t->has_expected ? t->expected : nothing);
    const struct step_file more[] = {
        {"input", input, false},
        {"output", r->trials[test].output_fd, false},
        {"expected", expected, false},
    };
    const struct program_ask ask = {
        .phase = "run",
        .args = args,
        .n_args = ARRAY_LEN(args),
        .limits = &none,
        .policy = &r->env->policy,
        .more = more,
        .n_more = ARRAY_LEN(more),
        .stdin_fd = -1,
    };
    struct step step;
    int rc;

    if (input < 0 || expected < 0)
        return err_set(err, EIO, "memfd for the checker");
    rc = program_step(&r->checker, &ask, &step, err);
    if (rc != 0)
        return rc == -EAGAIN ? -EIO : rc;
    rc = run_slot(r, TASK_CHECK, test, &step);
    program_step_done(&step);
    if (rc == 0)
        r->trials[test].state = TRIAL_CHECKING;
    return rc;
}

int run_start(struct run *r)
{
    struct err err = {0};
    enum task_kind kind;
    uint32_t test;
    int rc;

    if (!run_next(r, &kind, &test))
        return 0;
    if (kind == TASK_TALK)
        rc = dialogue_start(r, test, &err);
    else if (kind == TASK_TEST)
        rc = run_start_test(r, test, &err);
    else if (kind == TASK_CHECK)
        rc = run_start_check(r, test, &err);
    else
        rc = run_start_compile(r, kind, &err);
    if (rc == -EAGAIN)
        return rc;
    if (rc != 0)
        run_break(r, err.text[0] ? err.text : "a step is over its limits");
    else if (!r->announced) {
        r->announced = true;
        r->env->started(r->env->ctx, r->exec);
    }
    return 0;
}
