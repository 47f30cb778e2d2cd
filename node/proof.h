/* SPDX-License-Identifier: MPL-2.0 */
#ifndef NODE_PROOF_H
#define NODE_PROOF_H
/*
 * The proof a node gives itself before it takes work: `arena-sandbox selftest` runs hostile
 * programs and must hold them all. One that fails is repeated twice (a machine may be too busy
 * for a moment), then every minute; until it passes, no program of a client runs here. The
 * loop's thread only.
 */
#include "base/err.h"
#include "node/loop.h"

struct proof;

/* `told` is called after each try: passed or not, and in words what did not hold. Once it has
 * passed it is not tried again. */
struct proof *proof_new(struct loop *loop, const char *sandbox, const char *profile_dir,
                        void (*told)(void *ctx, bool passed, const char *what), void *ctx);
void proof_free(struct proof *p);
bool proof_passed(const struct proof *p);
/* What did not hold the last time; "" = nothing, or it is still running. */
const char *proof_trouble(const struct proof *p);
#endif
