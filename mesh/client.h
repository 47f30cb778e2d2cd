/* SPDX-License-Identifier: MPL-2.0 */
#ifndef MESH_CLIENT_H
#define MESH_CLIENT_H
/* What clients ask of this node, or a peer asks on behalf of one of its own clients. */
#include "mesh/state.h"

void client_on_frame(struct mesh *m, uint64_t client, struct span frame);
void client_gone(struct mesh *m, uint64_t client);
/* A request that another peer passed on. */
void client_serve(struct mesh *m, const struct asker *who, struct span frame);
/* Fills an origin from a spec. 0, or -EBADMSG. */
int client_origin(const struct mesh *m, struct span spec, struct origin *ret_origin);
/* Creates a job of this node's own, with `who` waiting for it to be durable. */
void client_create(struct mesh *m, const struct asker *who, const struct origin *origin,
                   struct span spec);
#endif
