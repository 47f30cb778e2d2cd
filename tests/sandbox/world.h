/* SPDX-License-Identifier: MPL-2.0 */
#ifndef TESTS_SANDBOX_WORLD_H
#define TESTS_SANDBOX_WORLD_H
/*
 * A real keeper from the build, and real programs: the fixture of tests that run each case once
 * with fresh namespaces for every run and once with a reused slot. Include after cmocka.h. What
 * cannot be done fails the test; without the language it is skipped.
 */
#include "sandbox/client.h"
#include "sandbox/profile.h"

struct world {
    struct profile_set *profiles;
    struct client *client;
};

int world_fresh(void **state);
int world_reused(void **state);
int world_done(void **state);

/* A step that runs this Python program; `input` and `limits` may be NULL. */
void world_step(struct world *w, const char *code, const char *input,
                const struct step_limits *limits, struct step *ret);
void world_step_done(struct step *s);
void world_run(struct world *w, const char *code, const char *input,
               const struct step_limits *limits, struct step_outcome *ret);
/* Runs tiny_program(), which ends at once; for x86_64 only. */
void world_run_tiny(struct world *w, uint32_t pages, uint64_t memory, struct step_outcome *ret);

#define BOTH(test)                                                                                 \
    {"fresh: " #test, test, world_fresh, world_done, NULL},                                        \
    {                                                                                              \
        "reused: " #test, test, world_reused, world_done, NULL                                     \
    }
#endif
