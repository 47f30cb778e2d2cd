/* SPDX-License-Identifier: MPL-2.0 */
#ifndef MESH_MUTANT_H
#define MESH_MUTANT_H
/*
 * Rules that can be broken on purpose, one at a time, to prove that the simulator notices.
 * Each is off unless its name is defined when the mesh is compiled
 * (-DMESH_MUTANT_NO_JOINT); no installed program is ever built with one.
 */

/* A configuration change asks only the new set, not the old one as well. */
#ifdef MESH_MUTANT_NO_JOINT
#define MUTANT_NO_JOINT 1
#else
#define MUTANT_NO_JOINT 0
#endif

/* A promise is given, and forgotten when the process dies. */
#ifdef MESH_MUTANT_PROMISE_NOT_PERSISTED
#define MUTANT_PROMISE_NOT_PERSISTED 1
#else
#define MUTANT_PROMISE_NOT_PERSISTED 0
#endif

/* What must wait for the disk does not. */
#ifdef MESH_MUTANT_ACK_BEFORE_SYNC
#define MUTANT_ACK_BEFORE_SYNC 1
#else
#define MUTANT_ACK_BEFORE_SYNC 0
#endif

/* A job is forgotten when a majority, not everybody, holds its decision. */
#ifdef MESH_MUTANT_PURGE_EARLY
#define MUTANT_PURGE_EARLY 1
#else
#define MUTANT_PURGE_EARLY 0
#endif
#endif
