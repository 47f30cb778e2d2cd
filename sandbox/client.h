/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SANDBOX_CLIENT_H
#define SANDBOX_CLIENT_H
/*
 * A keeper of one's own, for command line tools: started, spoken to and ended in a blocking
 * way. (The daemon starts its keepers in its own loop and uses keeper.h alone.)
 */
#include "sandbox/keeper.h"

struct client;

/* Starts `path serve` with `env` (NULL = ours), and waits until it is ready. */
struct client *client_start(const char *path, char *const *env, struct keeper_info *ret_info,
                            struct err *err);
/* Ends the keeper and waits for it. */
void client_free(struct client *c);
/* For one who runs a step himself. */
struct keeper *client_keeper(const struct client *c);
/* News that is not KEEPER_NOTHING, or an error. */
int client_wait(struct client *c, struct keeper_news *news, struct err *err);
/* Runs a step to its end. The outcome is the caller's. */
int client_run(struct client *c, const struct step *step, struct step_outcome *ret,
               struct err *err);

/* A memfd with these bytes, sealed. */
int client_memfd(struct span bytes, struct err *err);
/* A memfd with all that can be read from `fd`, at most `max` bytes. */
int client_slurp(int fd, size_t max, struct err *err);
#endif
