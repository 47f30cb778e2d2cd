/* SPDX-License-Identifier: MPL-2.0 */
#ifndef MESH_BLOB_H
#define MESH_BLOB_H
/* Specs and results that were read from the store, or come from another replica. */
#include "mesh/state.h"

/* The bytes a read was for, or why there are none. */
void blob_use(struct mesh *m, const struct read *r, int status, struct span bytes);
/* A blob on this disk is gone or unreadable: it is asked for again. */
void blob_lost(struct mesh *m, struct job *j, bool result);
/* Asks the job's replicas for what this node lacks. */
void blob_fetch(struct mesh *m, struct job *j, bool result);
void blob_on_get(struct mesh *m, const struct id *from, struct wire_reader *r);
void blob_on_blob(struct mesh *m, const struct id *from, struct wire_reader *r);
#endif
