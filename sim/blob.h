/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SIM_BLOB_H
#define SIM_BLOB_H
/*
 * Immutable bytes with a reference count: a frame in flight, a value on a virtual disk, a
 * spec. Never shared between processes; one thread.
 */
#include "base/buf.h"

struct sim_blob {
    uint32_t refs;
    size_t len;
    uint8_t data[];
};

/* A copy of `bytes`, with one reference that is the caller's. */
struct sim_blob *sim_blob_new(struct span bytes);
/* One more reference. NULL is fine. */
struct sim_blob *sim_blob_ref(struct sim_blob *b);
/* Gives a reference back. NULL is fine. */
void sim_blob_free(struct sim_blob *b);

static inline struct span sim_blob_span(const struct sim_blob *b)
{
    return b ? (struct span){b->data, b->len} : (struct span){0};
}
#endif
