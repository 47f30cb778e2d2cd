/* SPDX-License-Identifier: MPL-2.0 */
#ifndef MESH_LIST_H
#define MESH_LIST_H
/*
 * Questions to everybody: pages of jobs, and figures. The node asked answers for itself, asks
 * the others, and says which did not answer in time. A job is told by one node only, the one
 * that acts for it, so nothing is counted twice.
 */
#include "mesh/state.h"

/* From a client: gathers. */
void list_request(struct mesh *m, const struct asker *who, struct span frame,
                  const struct message *msg);
void stats_request(struct mesh *m, const struct asker *who, struct span frame);
/* From a peer: this node's own part. */
void list_serve(struct mesh *m, const struct asker *who, const struct message *msg);
void stats_serve(struct mesh *m, const struct asker *who);
/* True when `msg` was the answer to a gathering. */
bool gather_reply(struct mesh *m, uint64_t number, const struct message *msg);
void gather_done(struct mesh *m);
/* This node tells of the job when everybody is asked. */
bool list_is_teller(const struct mesh *m, const struct job *j);
#endif
