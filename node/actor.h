/* SPDX-License-Identifier: MPL-2.0 */
#ifndef NODE_ACTOR_H
#define NODE_ACTOR_H
/*
 * The thread that is the peer: it owns the sockets and the mesh, turns what arrives into
 * events and what the mesh wants into I/O, and decides nothing. An effect that waits for the
 * disk is parked until the writer has synced its batch.
 *
 * Events from other threads come through `inbox` (the writer's answers, the loop's slots and
 * seeds, what it says to clients in sessions); EXEC, KILL and DRAINED go to the loop through
 * `outbox`, and with them what clients say in sessions, which is none of the mesh's business.
 */
#include "base/err.h"
#include "node/disk.h"
#include "node/mailbox.h"
#include "node/writer.h"

struct actor;

struct actor_config {
    struct mesh_config mesh;
    char control[LIMIT_ENDPOINT + 1]; /* to listen on */
    char bulk[LIMIT_ENDPOINT + 1];
    char client[LIMIT_ENDPOINT + 1];
};

/* Loads `disk` into a mesh, starts the writer and the thread. All mailboxes and the disk
 * stay the caller's and must outlive the actor. NULL on error. */
struct actor *actor_new(const struct actor_config *config, struct disk *disk, struct mailbox *inbox,
                        struct mailbox *outbox, struct err *err);
/* Ends the thread, then the writer, which commits what it has. */
void actor_free(struct actor *a);

/* From any thread: the last snapshot, at most a second old. */
void actor_stats(struct actor *a, struct message_stats *ret_stats);
void actor_meters(struct actor *a, struct meters *ret_meters, struct lags *ret_lags);
void actor_writer_stats(struct actor *a, struct writer_stats *ret_stats);
/* When the thread last turned, in mono ns. */
uint64_t actor_beat_ns(const struct actor *a);
/* The mesh was told to go, by us or by a client. */
bool actor_draining(const struct actor *a);
/* Frames no client was there for, or could take. */
uint64_t actor_dropped(const struct actor *a);
#endif
