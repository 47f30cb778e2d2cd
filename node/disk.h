/* SPDX-License-Identifier: MPL-2.0 */
#ifndef NODE_DISK_H
#define NODE_DISK_H
/*
 * The node's disk: one LMDB environment in its data directory. An error while it runs ends the
 * process at once: after a failed fsync nobody knows what is on the disk.
 *
 * Values are the mesh's bytes, which carry their own CRC-32C and version: what the simulator
 * proves is what lies on the disk. Blobs (specs and results, see mesh_key_is_blob()) are kept
 * in a table of their own, in chunks of exactly four pages: values of many sizes would need
 * contiguous free pages of many sizes, and the file would grow for want of them although it is
 * half empty.
 *
 * One thread at a time. One open per process, one process per directory; does not survive a
 * fork, and its descriptors are close-on-exec.
 */
#include "base/err.h"
#include "mesh/mesh.h"

struct disk;

struct disk_identity {
    struct id nid;   /* drawn when the directory was first used */
    uint64_t boot;   /* durable before this was returned */
    uint64_t secret; /* a seed for this boot */
    bool first;      /* the directory was empty */
};

/* Makes the directory when it is not there. `max`: bytes the mesh may fill. -EBUSY: another
 * process has it. */
int disk_open(const char *dir, uint64_t max, struct disk **ret_disk, struct err *err);
/* Draws the node's id, or reads it, and counts this start. -EPERM: another cluster's disk. */
int disk_identify(struct disk *s, const char *cluster, struct disk_identity *ret_identity,
                  struct err *err);
/* Calls `fn` for each record that is no blob. */
int disk_each(struct disk *s, void (*fn)(void *ctx, struct span key, struct span value), void *ctx,
              struct err *err);

/* One transaction at a time; it is durable when disk_commit() returns. */
void disk_begin(struct disk *s, bool writes);
void disk_apply(struct disk *s, const struct mesh_op *op);
/* Appends the value of op->key to `out`: 0, -ENOENT, or -EIO when part of it is missing. Sees what
 * was applied before in the same transaction. */
int disk_get(struct disk *s, const struct mesh_op *op, struct buf *out);
/* Bytes in use, as this transaction sees them. */
uint64_t disk_used(struct disk *s);
void disk_commit(struct disk *s);

uint64_t disk_max(const struct disk *s);
/* Bytes the file system still has for us. */
uint64_t disk_left(const struct disk *s);
void disk_free(struct disk *s);
#endif
