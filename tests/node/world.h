/* SPDX-License-Identifier: MPL-2.0 */
#ifndef TESTS_NODE_WORLD_H
#define TESTS_NODE_WORLD_H
/*
 * What tests of jobs and of sessions stand on: a loop, the profiles, slots with real keepers and
 * the runs in them. Needs arena-sandbox in the build directory (or ARENA_SANDBOX) and Python.
 */
#include "node/runs.h"

enum { WORLD_SKIPPED = 77, WORLD_READY_MS = 60000 };

struct world {
    struct loop *loop;
    struct profile_set *profiles;
    struct slots *slots;
    struct runs *runs;
};

extern struct world world;

/* 0 with `n_slots` slots that are ready and open runs; WORLD_SKIPPED, or 1, having said why. */
int world_new(uint32_t n_slots, const struct runs_hooks *hooks);
/* Frees what is there. */
void world_free(void);
/* Turns the loop until somebody stops it, which is true, or that long. */
bool world_turn(uint64_t ms);
bool world_has(const char *language);
/* A job of one file of that text; `file` holds it. */
struct spec world_spec(struct spec_file *file, const char *language, const char *code);
/* A hook for tests that do not listen. */
void world_stepped(void *ctx, const char *language, const char *phase,
                   const struct step_outcome *o);
#endif
