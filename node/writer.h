/* SPDX-License-Identifier: MPL-2.0 */
#ifndef NODE_WRITER_H
#define NODE_WRITER_H
/*
 * The thread that owns the store while the daemon runs. Batches and reads are queued; the
 * answers (SYNCED, READ, and DISK when something was measured) come as letters. A commit holds
 * whatever queued since the one before it began. What comes to an idle writer is committed at
 * once; under load a millisecond and a half at most lies between the end of one and the next.
 *
 * Any thread may call; everything given is copied.
 */
#include "node/disk.h"
#include "node/mailbox.h"

struct writer;

struct writer_stats {
    uint64_t commits;
    uint64_t batches;
    uint64_t reads;
    uint64_t commit_ns;     /* in all */
    uint64_t commit_ns_max; /* since the last writer_stats_get() */
    uint64_t used;          /* bytes */
    uint64_t max;
};

/* `disk` is the writer's until writer_free(). */
struct writer *writer_new(struct disk *disk, struct mailbox *answers);
/* Commits what is queued, then stops. */
void writer_free(struct writer *w);
/* Queues a batch; its SYNCED comes once it and all before it are durable. */
void writer_write(struct writer *w, uint64_t batch, const struct mesh_op *ops, uint32_t n);
/* Queues a read that sees every batch queued before it. */
void writer_read(struct writer *w, uint64_t read, const uint8_t *key, uint8_t klen);
void writer_stats_get(struct writer *w, struct writer_stats *ret_stats);
#endif
