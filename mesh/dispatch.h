/* SPDX-License-Identifier: MPL-2.0 */
#ifndef MESH_DISPATCH_H
#define MESH_DISPATCH_H
/* A frame from a peer to whoever handles each message in it. */
#include "mesh/state.h"

void dispatch(struct mesh *m, const struct id *from, struct span frame);
#endif
