/* SPDX-License-Identifier: MPL-2.0 */
#ifndef NODE_SEEDS_H
#define NODE_SEEDS_H
/*
 * Where to look for peers: a static list, and names (of a headless service) that stand for as
 * many addresses as they have. Names are looked up off the loop, again and again for ever:
 * peers move, and two halves of a mesh must find each other again. The loop's thread only.
 */
#include "base/err.h"
#include "node/loop.h"

struct seeds;

/* `list`: "host:port" and "dns:NAME:PORT", separated by commas. `found` gets every list that
 * differs from the one before, endpoints "tcp://ADDRESS:PORT". NULL: the list is wrong. */
struct seeds *seeds_new(struct loop *loop, const char *list,
                        void (*found)(void *ctx, const char *const *endpoints, uint32_t n),
                        void *ctx, struct err *err);
void seeds_free(struct seeds *s);
/* Only whether the list can be read: 0 or -EINVAL, -E2BIG. */
int seeds_check(const char *list, struct err *err);
#endif
