/* SPDX-License-Identifier: MPL-2.0 */
#ifndef NODE_RUNS_H
#define NODE_RUNS_H
/*
 * All jobs on this node, and who gets the next idle slot: the one with the fewest steps in
 * slots, the oldest first. So every job the mesh sent has a slot before any has two, and a job
 * of many tests uses what is idle. A slot used beyond a job's first is not offered to the mesh
 * while it is (`offer`). The loop's thread only.
 */
#include "node/run.h"

struct runs;

struct runs_hooks {
    void (*started)(void *ctx, uint64_t exec);
    void (*event)(void *ctx, uint64_t exec, struct span bytes);
    void (*done)(void *ctx, uint64_t exec, enum mesh_outcome outcome, struct span bytes);
    /* Slots this node has for the mesh; called when it changes. */
    void (*offer)(void *ctx, uint32_t slots);
    const char *(*version)(void *ctx, const char *language);
    void (*stepped)(void *ctx, const char *language, const char *phase,
                    const struct step_outcome *o);
    /* A run finished: NULL verdict name = it has none. */
    void (*finished)(void *ctx, const char *language, const char *verdict);
    void *ctx;
};

struct runs_config {
    struct loop *loop;
    struct slots *slots;
    const struct profile_set *profiles;
    struct program_policy policy;
    const char *node;
};

struct runs *runs_new(const struct runs_config *config, const struct runs_hooks *hooks);
void runs_free(struct runs *s);
void runs_exec(struct runs *s, uint64_t exec, struct span spec);
/* An unknown one is answered as killed too: nothing of it is left. */
void runs_kill(struct runs *s, uint64_t exec);
/* Until it is opened no slot is offered to the mesh. */
void runs_open(struct runs *s);
/* A slot became idle, ready or was lost. */
void runs_wake(struct runs *s);
uint32_t runs_len(const struct runs *s);
/* Takes a slot from what is offered to the mesh, for one who runs a step of his own in it; false
 * when none is idle that no job here waits for. Given back with runs_release(). */
bool runs_reserve(struct runs *s);
void runs_release(struct runs *s);
#endif
