/* SPDX-License-Identifier: MPL-2.0 */
#ifndef TESTS_MESH_DAMAGE_H
#define TESTS_MESH_DAMAGE_H
/*
 * What a stranger may send: every beginning of a good encoding, and the encoding with each
 * bit turned over. Each is handed over in a block of its own size, so that a read past its
 * end is seen by AddressSanitizer and valgrind.
 */
#include "base/buf.h"

/* Decodes, checks whatever must hold of a decoded thing, frees it. True when it decoded. */
typedef bool (*damage_reader)(struct span bytes);

/* How many of the cut encodings decoded. */
unsigned damage_cut(struct span good, damage_reader reader);
/* How many of the flipped encodings did not. */
unsigned damage_flip(struct span good, damage_reader reader);
#endif
