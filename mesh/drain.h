/* SPDX-License-Identifier: MPL-2.0 */
#ifndef MESH_DRAIN_H
#define MESH_DRAIN_H
/*
 * Leaving: no new work, jobs that have not started go to another replica (HANDOVER), running
 * ones end or, at the deadline, are requeued; then LEFT is told to all, and the process may
 * end. Without peers the jobs stay on the disk for the next start.
 */
#include "mesh/state.h"

void drain_begin(struct mesh *m, uint32_t deadline_ms);
/* From a client: this node, or another. */
void drain_request(struct mesh *m, const struct asker *who, const struct id *nid);
#endif
