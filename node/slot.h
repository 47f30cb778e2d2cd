/* SPDX-License-Identifier: MPL-2.0 */
#ifndef NODE_SLOT_H
#define NODE_SLOT_H
/*
 * The execution slots: one resident `arena-sandbox serve` process each, started by the loop,
 * spoken to through sandbox/keeper.h, started again when it is lost. One step at a time in a
 * slot. The loop's thread only.
 */
#include "node/loop.h"
#include "sandbox/keeper.h"

struct slots;
struct slot;

struct slots_config {
    struct loop *loop;
    uint32_t n;
    const char *sandbox;        /* path of arena-sandbox */
    const char *profile_dir;    /* given to it as ARENA_PROFILE_DIR */
    void (*changed)(void *ctx); /* a slot became ready, idle or was lost */
    void *ctx;
};

/* What happens to a step. `outcome` or `lost` comes last, exactly once; the slot is the
 * pool's again before it is called. */
struct slot_hooks {
    void (*started)(void *ctx);
    /* May be NULL: the outer end of the program's terminal, before `started`; may be stolen. */
    void (*terminal)(void *ctx, int *fd);
    void (*piece)(void *ctx, uint8_t stream, struct span piece);
    void (*outcome)(void *ctx, struct step_outcome *outcome); /* lent for the call */
    void (*lost)(void *ctx, const char *why);
};

/* Starts the keepers; `changed` tells when they are ready. */
struct slots *slots_new(const struct slots_config *config);
/* Ends the keepers, and with them all that runs: they have a little time to put away what is
 * theirs (groups, folders), and are killed then. */
void slots_free(struct slots *s);
uint32_t slots_ready(const struct slots *s); /* idle or busy */
uint32_t slots_busy(const struct slots *s);
uint64_t slots_lost(const struct slots *s); /* keepers lost since the start */
/* What the first keeper that was ready found out; NULL while none is. */
const struct keeper_info *slots_info(const struct slots *s);
/* Why the last keeper that never got ready did not; "" = none. */
const char *slots_trouble(const struct slots *s);

/* Runs `step` (read during the call only) in an idle slot. -EAGAIN: none is idle; -E2BIG: no
 * keeper would take it. */
int slots_run(struct slots *s, const struct step *step, const struct slot_hooks *hooks, void *ctx,
              struct slot **ret_slot);
/* Of a slot that slots_run() gave, until its outcome: kill what runs there. */
void slot_kill(struct slot *slot);
/* The same: a signal to the program that runs there, and to it alone. */
void slot_signal(struct slot *slot, int signal);
#endif
