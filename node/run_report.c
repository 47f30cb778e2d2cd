/* SPDX-License-Identifier: MPL-2.0 */
#include "node/run_state.h"

#include "base/own.h"

#include <errno.h>
#include <stdio.h>

/* The first test that is not accepted decides; a skipped one never comes before it. */
static uint32_t deciding(const struct run *r)
{
    for (uint32_t i = 0; i < r->n_trials; i++) {
        const enum result_verdict v = r->trials[i].result.verdict;

        if (v != RESULT_ACCEPTED && v != RESULT_SKIPPED)
            return i;
    }
    return 0;
}

enum result_verdict run_verdict(const struct run *r)
{
    return r->decided ? r->verdict : r->trials[deciding(r)].result.verdict;
}

static void report_tests(const struct run *r, struct result *result)
{
    const struct trial *decided = &r->trials[deciding(r)];

    result->run = decided->result.run;
    result->cause = decided->result.cause;
    if (!r->spec.n_tests)
        return;
    result->total = result->n_tests = r->n_trials;
    result->tests = own_calloc(r->n_trials, sizeof(*result->tests));
    for (uint32_t i = 0; i < r->n_trials; i++) {
        result->tests[i] = r->trials[i].result;
        result->passed += r->trials[i].result.verdict == RESULT_ACCEPTED;
    }
}

static void report_cut(struct span *out, bool *truncated)
{
    *truncated |= out->len > 0;
    out->len /= 2;
}

/* Halves what the tests wrote until all fits: the verdicts matter more. */
static int report_fit(struct result *result, struct buf *out)
{
    int rc;

    while ((rc = result_encode(result, out)) == -E2BIG && result->n_tests) {
        size_t left = 0;

        for (uint32_t i = 0; i < result->n_tests; i++) {
            struct result_run *run = &result->tests[i].run;

            report_cut(&run->out, &run->stdout_truncated);
            report_cut(&run->err, &run->stderr_truncated);
            report_cut(&run->talk.said, &run->talk.truncated);
            left += run->out.len + run->err.len + run->talk.said.len;
        }
        if (!left)
            break;
        buf_reset(out);
        out->full = false;
    }
    return rc;
}

enum mesh_outcome run_outcome(const struct run *r, struct buf *out)
{
    struct result result = {0};
    const struct keeper_info *info = slots_info(r->env->slots);
    int rc;

    if (r->killed)
        return MESH_OUTCOME_KILLED;
    if (r->broken) {
        (void)buf_puts(out, r->reason);
        return MESH_OUTCOME_BROKEN;
    }
    result.verdict = run_verdict(r);
    if (r->decided)
        result.cause = r->cause;
    else
        report_tests(r, &result);
    if (r->decided && r->spec.n_tests)
        result.total = r->n_trials;
    result.has_compile = r->has_compile;
    result.compile = r->compile;
    (void)snprintf(result.node, sizeof(result.node), "%s", r->env->node);
    (void)snprintf(result.isolation, sizeof(result.isolation), "%s", info ? info->level : "");
    (void)snprintf(result.version, sizeof(result.version), "%s",
                   r->env->version(r->env->ctx, run_language(r)));
    rc = report_fit(&result, out);
    free(result.tests);
    if (rc == 0)
        return MESH_OUTCOME_RESULT;
    buf_reset(out);
    (void)buf_puts(out, "the result is too large");
    return MESH_OUTCOME_BROKEN;
}
