/* SPDX-License-Identifier: MPL-2.0 */
#ifndef MESH_SCRUB_H
#define MESH_SCRUB_H
/*
 * Rot is found while there is another copy: once in `scrub_ms` (of struct mesh_config) every
 * record, spec and result on this disk is read. A record that cannot be is written again, from
 * memory; a blob from memory, or from another replica.
 */
#include "mesh/state.h"

void scrub_start(struct mesh *m);
/* What a READ_SCRUB brought: 0, or why it cannot be read. */
void scrub_read(struct mesh *m, const struct read *r, int status);
#endif
