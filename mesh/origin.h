/* SPDX-License-Identifier: MPL-2.0 */
#ifndef MESH_ORIGIN_H
#define MESH_ORIGIN_H
/*
 * What was submitted, as far as the mesh itself must know it; it never changes. Every node
 * that holds a job holds its origin, and there may be a million of jobs: what can be long but
 * seldom is (a callback, tags) lies behind it as text, and an origin is no larger than that.
 *
 * Always on the heap; its owner frees it with free().
 */
#include "mesh/spec.h"

struct origin {
    struct id home;
    struct id spec_hash;
    uint64_t spec_len;
    int64_t queued_ms;
    uint32_t tests;
    struct spec_head head;
    uint8_t n_tags;
    uint16_t n_text;
    char text[]; /* the callback, then the tags, each with its NUL; all of n_text bytes */
};

/* Of what the client wrote; home, hash, length and time are left to the caller. */
struct origin *origin_new(const struct spec *spec);
struct origin *origin_copy(const struct origin *o);
/* "" when nobody is to be called. */
const char *origin_callback(const struct origin *o);
/* Tag `i` of n_tags. */
const char *origin_tag(const struct origin *o, uint32_t i);

void origin_put(struct buf *b, const struct origin *o);
/* NULL, and w->bad is set, when it is none. */
struct origin *origin_get(struct wire_reader *w);
#endif
