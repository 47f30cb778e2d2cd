/* SPDX-License-Identifier: MPL-2.0 */
#ifndef MESH_DIGEST_H
#define MESH_DIGEST_H
/*
 * The backstop against anything that was missed: now and then a node compares, with one peer,
 * a hash per bucket of the jobs both are replicas of, then the states of the jobs in buckets
 * that differ, and whoever is behind asks.
 */
#include "mesh/state.h"

void digest_start(struct mesh *m);
void digest_on_digest(struct mesh *m, const struct id *from, struct wire_reader *r);
void digest_on_keys(struct mesh *m, const struct id *from, struct wire_reader *r);
#endif
