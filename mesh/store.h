/* SPDX-License-Identifier: MPL-2.0 */
#ifndef MESH_STORE_H
#define MESH_STORE_H
/*
 * What is on the disk, as pairs. Every value is sealed: a version, a CRC-32C, the bytes.
 *
 *     'j' jid            a record            'p' home lo   purged jobs of a home, lo..hi
 *     's' jid            its spec            'k' jid       a purged keyed job
 *     'r' jid            its result          'm' name      this node's own counters
 *     'n' nid            what is remembered of another node
 *     'b' nid            its life that was met last
 *     'w' jid            a vow: the record once more, while it is a promise and nothing else
 *
 * Records are written once a step, however often they changed in it. A promise stands twice: what
 * was accepted others have too, but what was promised is on this disk alone.
 */
#include "mesh/state.h"

#define STORE_KEYS(X)                                                                              \
    X(RECORD, 'j')                                                                                 \
    X(SPEC, 's')                                                                                   \
    X(RESULT, 'r')                                                                                 \
    X(PURGED, 'p')                                                                                 \
    X(PURGED_KEY, 'k')                                                                             \
    X(OWN, 'm')                                                                                    \
    X(NODE, 'n')                                                                                   \
    X(SEEN, 'b')                                                                                   \
    X(VOW, 'w')

enum store_key {
#define X(id, letter) STORE_##id = letter,
    STORE_KEYS(X)
#undef X
};

struct store_name {
    uint8_t len;
    uint8_t at[LIMIT_KEY];
};
struct store_name store_name_id(enum store_key kind, const struct id *id);
struct store_name store_name_bytes(enum store_key kind, const void *bytes, size_t len);
static inline struct span store_name_span(const struct store_name *n)
{
    return (struct span){n->at, n->len};
}

void store_put(struct mesh *m, const struct store_name *name, struct span bytes);
void store_del(struct mesh *m, const struct store_name *name);
/* Puts a sealed copy of `bytes` into `out`. */
void store_seal(struct span bytes, struct buf *out);
/* The bytes inside a sealed value; 0 or -EBADMSG. */
int store_unseal(struct span value, struct span *ret_bytes);

/* The record is to be written when this step ends. */
void store_dirty(struct mesh *m, struct job *j);
/* The record leaves the disk. */
void store_record_del(struct mesh *m, struct job *j);
/* Writes what is dirty; the end of every step. */
void store_flush(struct mesh *m);
/* A batch is durable: tells the jobs whose records were in it. */
void store_synced(struct mesh *m, uint64_t batch);
/* It leaves the table: nothing is told to it any more. */
void store_job_gone(struct mesh *m, struct job *j);
void store_done(struct mesh *m);

/* Blobs, whose hash is known. They are written with the record that names them. */
void store_spec_put(struct mesh *m, struct job *j, struct span spec, const struct id *hash);
void store_result_put(struct mesh *m, struct job *j, struct span result, const struct id *hash);
/* Drops the copies in memory. */
void store_forget_copies(struct mesh *m, struct job *j);
/* Asks for a blob; store_read_use() of mesh/blob.c comes at once when it is in memory, else
 * when it was read. */
void store_read(struct mesh *m, struct job *j, const struct read *what);
/* Reads a job's value from the disk to see that it can be: scrub_read() follows. */
void store_scrub(struct mesh *m, const struct job *j, enum store_key kind);
/* Writes a blob again that is still in memory; false when it is not. */
bool store_rewrite(struct mesh *m, const struct job *j, enum store_key kind);
void store_read_done(struct mesh *m, const struct mesh_event *e);
#endif
