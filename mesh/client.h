/* SPDX-License-Identifier: MPL-2.0 */
#ifndef MESH_CLIENT_H
#define MESH_CLIENT_H
/* What clients ask of this node, or a peer asks on behalf of one of its own clients. */
#include "mesh/state.h"

void client_on_frame(struct mesh *m, uint64_t client, struct span frame);
void client_gone(struct mesh *m, uint64_t client);
/* A request that another peer passed on. */
void client_serve(struct mesh *m, const struct asker *who, struct span frame);
/* Whether who asks for this tenant ("*": for all) may know of the job, whose origin is known. */
bool client_sees(const struct job *j, const char *tenant);
/* The origin of a spec that came here now, to be freed; NULL when it is none. */
struct origin *client_origin(const struct mesh *m, struct span spec);
/* What a job is to be. */
struct client_wish {
    const struct origin *origin;
    struct span spec; /* encoded */
};

/* Creates a job of this node's own, with `who` waiting for it to be durable. */
void client_create(struct mesh *m, const struct asker *who, const struct client_wish *wanted);
/* The same under a name and in a set that are known to be this node's alone to give: nothing of
 * that name was ever accepted or promised anywhere. */
void client_create_as(struct mesh *m, const struct asker *who, const struct client_wish *wanted,
                      const struct id *jid, const struct value *first);
#endif
