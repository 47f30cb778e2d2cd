/* SPDX-License-Identifier: MPL-2.0 */
#ifndef NODE_LANGUAGES_H
#define NODE_LANGUAGES_H
/*
 * Which languages this node can run, and their versions: each toolchain is asked for its
 * version in a sandbox, once, at the start. One that cannot say it is not offered. The loop's
 * thread only.
 */
#include "base/buf.h"
#include "node/slot.h"
#include "sandbox/profile.h"

struct languages;

/* `done` is called once, when all have been asked. */
struct languages *languages_new(struct slots *slots, const struct profile_set *profiles,
                                void (*done)(void *ctx), void *ctx);
void languages_free(struct languages *l);
/* A slot is idle. */
void languages_wake(struct languages *l);
bool languages_known(const struct languages *l);
/* "" = unknown. */
const char *languages_version(const struct languages *l, const char *name);
/* Appends an encoded LANGUAGES_REPLY. 0 or -E2BIG. */
int languages_encode(const struct languages *l, struct buf *out);
#endif
