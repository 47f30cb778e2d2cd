/* SPDX-License-Identifier: MPL-2.0 */
#ifndef NODE_NODE_H
#define NODE_NODE_H
/*
 * The daemon put together: the loop's side of everything, from the first keeper to the last
 * batch. main() makes one and runs it.
 */
#include "base/config.h"
#include "base/err.h"

struct node;

/* Reads everything, opens the store, starts the keepers. `config` is borrowed; `file` is read
 * again on SIGHUP, NULL = none. NULL on error. */
struct node *node_new(struct config *config, const char *file, struct err *err);
/* Until it was told to stop and has handed over. The process's exit status. */
int node_run(struct node *n);
void node_free(struct node *n);
#endif
