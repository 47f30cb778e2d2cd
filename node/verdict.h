/* SPDX-License-Identifier: MPL-2.0 */
#ifndef NODE_VERDICT_H
#define NODE_VERDICT_H
/*
 * From what the sandbox saw of a step to what the job's owner is told. Pure. An outcome whose
 * end is BROKEN has no verdict: the system failed, and the step is tried again.
 */
#include "mesh/result.h"
#include "sandbox/step.h"

/* Of a program under test; ACCEPTED means that nothing is wrong so far. */
enum result_verdict verdict_of_step(const struct step_outcome *o, struct result_cause *ret_cause);
/* Of a compiler: ACCEPTED or COMPILE_ERROR. */
enum result_verdict verdict_of_compile(const struct step_outcome *o,
                                       struct result_cause *ret_cause);
/* Of a checker program: ACCEPTED, WRONG_ANSWER, or INTERNAL_ERROR when it broke a limit. */
enum result_verdict verdict_of_checker(const struct step_outcome *o,
                                       struct result_cause *ret_cause);
/* The figures of a run; its outputs are copied, at most `output_max` bytes each, into memory
 * that verdict_run_done() frees. */
void verdict_run(const struct step_outcome *o, size_t output_max, struct result_run *ret_run);
void verdict_run_done(struct result_run *run);
#endif
