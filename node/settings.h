/* SPDX-License-Identifier: MPL-2.0 */
#ifndef NODE_SETTINGS_H
#define NODE_SETTINGS_H
/*
 * arenad's settings: the environment first, then a zconfig file, then the default of the
 * table. Every error names the key.
 */
#include "base/config.h"
#include "node/actor.h"
#include "node/lives.h"
#include "node/program.h"

/* Everything from `file` (NULL: ARENA_CONFIG, or none) and the environment. NULL on error. */
struct config *settings_load(const char *file, struct err *err);
/* A table of the defaults, for --help. */
struct config *settings_defaults(void);
/* What of it the actor needs; nid, boot, seed and isolation are the caller's to fill. */
int settings_actor(const struct config *c, struct actor_config *ret_config, struct err *err);
/* The path of arena-sandbox, which lies beside this program when none is configured. */
int settings_sandbox(const struct config *c, char *ret_path, size_t size, struct err *err);
struct program_policy settings_policy(const struct config *c);
/* Of sessions: how many, the policy and the limits. */
void settings_lives(const struct config *c, struct lives_config *ret_config);
#endif
