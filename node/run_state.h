/* SPDX-License-Identifier: MPL-2.0 */
#ifndef NODE_RUN_STATE_H
#define NODE_RUN_STATE_H
/* What run.c, run_start.c and run_report.c share of one run; nobody else includes it. */
#include "node/relay.h"
#include "node/run.h"

/* TALK and JUDGE are the two sides of an interactive test: the solution and the interactor. */
enum task_kind { TASK_COMPILE, TASK_COMPILE_CHECKER, TASK_TEST, TASK_CHECK, TASK_TALK, TASK_JUDGE };

struct task {
    struct task *next;
    struct run *run;
    enum task_kind kind;
    uint32_t test;
    struct slot *slot;
};

enum trial_state { TRIAL_WAITING, TRIAL_RUNNING, TRIAL_TO_CHECK, TRIAL_CHECKING, TRIAL_DONE };

struct trial {
    enum trial_state state;
    uint32_t tries;
    int output_fd; /* what the checker reads; -1 = none */
    struct result_test result;
    /* Of an interactive test. */
    uint32_t talking; /* sides still in a slot */
    bool again;       /* a sandbox broke: both sides once more */
    bool judge_first; /* the interactor ended before the solution */
    uint32_t late;    /* enum result_side: whose time ran out */
    struct relay *relay;
    enum result_verdict judge;
    struct result_cause judge_cause;
};

struct run {
    const struct run_env *env;
    uint64_t exec;
    uint8_t *bytes; /* that `spec` points into */
    struct spec spec;
    bool has_spec;
    struct program solution;
    struct program checker;
    bool has_checker;
    bool interactive; /* `checker` is the interactor */
    bool has_compile;
    struct result_run compile;
    struct trial *trials;
    uint32_t n_trials;
    uint32_t done;
    struct task *tasks; /* in slots */
    uint32_t active;
    uint32_t tries; /* of the compile steps */
    bool announced; /* EXEC_STARTED was sent */
    bool killed;
    bool broken;
    char reason[LIMIT_TEXT];
    bool decided; /* before the tests: it did not compile */
    enum result_verdict verdict;
    struct result_cause cause;
    bool stopped; /* at the first failure */
};

/* The next step that could start now; false = none. */
bool run_next(const struct run *r, enum task_kind *ret_kind, uint32_t *ret_test);
/* The run is over when a reason was given. The first one stays. */
void run_break(struct run *r, const char *reason);
/* Puts a step in a slot as a task of this run. 0 or -EAGAIN. */
int run_slot(struct run *r, enum task_kind kind, uint32_t test, const struct step *step);
/* Of each stream of a run that is kept for the result, which is bounded as a whole. */
size_t run_output_max(const struct run *r);
/* The test has its verdict. */
void run_trial_done(struct run *r, struct trial *t, enum result_verdict verdict);
/* The test goes back to where it was before its last step, or breaks the run. */
void run_trial_again(struct run *r, struct trial *t, enum trial_state state, const char *why);

/* run_dialogue.c */
int dialogue_start(struct run *r, uint32_t test, struct err *err);
/* One side ended; NULL outcome: its sandbox was lost. */
void dialogue_ended(struct run *r, uint32_t test, bool judge, struct step_outcome *o);

/* What tells a task how its step fares. */
extern const struct slot_hooks run_hooks;
#endif
