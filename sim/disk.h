/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SIM_DISK_H
#define SIM_DISK_H
/*
 * A virtual store: what is committed, and behind it the ordered batches that are not yet. One
 * writer commits whatever was queued while it was busy, as the real one does. A crash keeps
 * the committed part and a random prefix of the rest, batch by batch.
 *
 * It knows nothing of processes: sim/host.h says when to write, and hears what was synced.
 */
#include "base/map.h"
#include "base/rng.h"
#include "mesh/mesh.h"
#include "sim/blob.h"

struct sim_write {
    uint64_t queued_ns; /* when the mesh wrote it; it may be durable much later */
    bool del;
    uint8_t klen;
    uint8_t key[LIMIT_KEY];
    struct sim_blob *value;
};

struct sim_batch {
    struct sim_batch *next;
    uint64_t number;
    uint32_t n;
    struct sim_write writes[];
};

struct sim_disk {
    struct map *records; /* key -> struct sim_blob *, one reference each */
    struct sim_batch *first, *last;
    uint64_t bytes;
    uint64_t synced; /* every batch up to here, since the process started */
    bool writing;    /* a commit is under way, up to batch `writing_to` */
    uint64_t writing_to;
    uint64_t stalled_until; /* ns */
    struct map *snapshot;   /* an older state to roll back to, or NULL */
    uint64_t snapshot_boot;
    uint64_t snapshot_generation;
};

void sim_disk_init(struct sim_disk *d);
void sim_disk_done(struct sim_disk *d);
/* Queues a batch at `now_ns`; copies what it holds. */
void sim_disk_queue(struct sim_disk *d, uint64_t now_ns, const struct mesh_effect *persist);
/* Told of every write that becomes durable, before it does; `old` may be NULL. */
typedef void sim_disk_write_fn(void *ctx, const struct sim_write *write,
                               const struct sim_blob *old);
struct sim_disk_observer {
    sim_disk_write_fn *fn;
    void *ctx;
};
/* Commits every queued batch up to `number`. */
void sim_disk_commit(struct sim_disk *d, uint64_t number, struct sim_disk_observer observer);
/* The process died: keeps a prefix of the queued batches and drops the others. */
void sim_disk_crash(struct sim_disk *d, struct rng *rng, struct sim_disk_observer observer);
/* The value as the next reader would see it, queued batches included; NULL when there is none.
 * Borrowed until the next change. */
struct sim_blob *sim_disk_get(const struct sim_disk *d, struct span key);
/* The committed value only. */
struct sim_blob *sim_disk_get_synced(const struct sim_disk *d, struct span key);
/* A new, empty disk. */
void sim_disk_wipe(struct sim_disk *d);
/* Remembers the committed state, with the boot counter that belongs to it. */
void sim_disk_snapshot(struct sim_disk *d, uint64_t boot);
/* How many batches this disk ever stored, by the mesh's own count. */
uint64_t sim_disk_generation(const struct sim_disk *d);
/* Goes back to the snapshot, which is used up. Returns its boot counter; 0 = there was none. */
uint64_t sim_disk_rollback(struct sim_disk *d);
/* A hash over the committed state that does not depend on the order of writes. */
uint64_t sim_disk_digest(const struct sim_disk *d);
#endif
