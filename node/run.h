/* SPDX-License-Identifier: MPL-2.0 */
#ifndef NODE_RUN_H
#define NODE_RUN_H
/*
 * One job on this node: its steps strung together. Compile the solution and the checker once
 * each, then the tests in any number of slots at a time, in order; each is compared, or handed
 * to the checker, and reported as it finishes. Who gets a slot next is not decided here
 * (node/runs.c). Tests of one job on several nodes are a matter of the mesh: it would send
 * this node a spec with fewer tests.
 *
 * A program that fails is a verdict. A sandbox that fails is tried again in another slot, and
 * then makes the run BROKEN, which the mesh may retry elsewhere. The loop's thread only.
 */
#include "mesh/mesh.h"
#include "mesh/result.h"
#include "node/program.h"
#include "node/slot.h"

struct run;

/* What all runs share; borrowed for their lives. */
struct run_env {
    struct slots *slots;
    const struct profile_set *profiles;
    struct program_policy policy;
    struct loop *loop;
    const char *node;
    const char *(*version)(void *ctx, const char *language); /* "" = unknown */
    void (*started)(void *ctx, uint64_t exec);
    void (*event)(void *ctx, uint64_t exec, struct span bytes);
    /* After every step: for the figures. */
    void (*stepped)(void *ctx, const char *language, const char *phase,
                    const struct step_outcome *o);
    /* Something may be ready to start, or the run has finished. */
    void (*changed)(void *ctx);
    void *ctx;
};

/* Always a run; one whose spec is no good is finished at once. `spec` is copied. */
struct run *run_new(const struct run_env *env, uint64_t exec, struct span spec);
void run_free(struct run *r);
uint64_t run_exec(const struct run *r);
/* The language's name, "" when the spec could not be read. */
const char *run_language(const struct run *r);
/* A step could start now. */
bool run_wants(const struct run *r);
/* Steps in slots. */
uint32_t run_active(const struct run *r);
/* Starts the next step. 0, or -EAGAIN: no slot is idle. */
int run_start(struct run *r);
/* Stops what runs; it is finished when nothing of it is left. */
void run_kill(struct run *r);
bool run_finished(const struct run *r);
/* Of a finished run: how it ended, and its bytes (an encoded result or a text), appended. */
enum mesh_outcome run_outcome(const struct run *r, struct buf *out);
/* Of a finished run with a result. */
enum result_verdict run_verdict(const struct run *r);
#endif
