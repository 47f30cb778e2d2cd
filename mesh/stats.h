/* SPDX-License-Identifier: MPL-2.0 */
#ifndef MESH_STATS_H
#define MESH_STATS_H
/* The figures of this node: counters as things happen, gauges when asked. */
#include "mesh/list.h"

void stats_waited(struct mesh *m, uint64_t ns);
/* A decision by this owner. */
void stats_decided(struct mesh *m, const struct job *j);
/* nodes[0] becomes the sum of the others; `known` nodes should have answered. */
void stats_sum(struct message_stats *nodes, uint32_t n, uint32_t known);
void stats_done(struct mesh *m);
#endif
