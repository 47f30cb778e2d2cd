/* SPDX-License-Identifier: MPL-2.0 */
#ifndef MESH_WIRE_H
#define MESH_WIRE_H
/*
 * msgpack in and out (https://github.com/msgpack/msgpack/blob/master/spec.md), for frames
 * and for stored records. Arrays, never maps; at most LIMIT_WIRE_DEPTH deep. mesh/wire.c is
 * the only file that includes msgpack.
 *
 * Writing: into a capped struct buf; a write past the cap sets buf.full, test it once.
 * Reading: from borrowed bytes, without allocating. The first thing that is not as asked
 * sets `bad`, and every later read gives zero or an empty span: test it once, at the end.
 * Nothing here trusts its input.
 */
#include "base/buf.h"
#include "base/id.h"

#include <stdbool.h>
#include <stdint.h>

void wire_put_array(struct buf *b, uint32_t n);
void wire_put_uint(struct buf *b, uint64_t v);
void wire_put_int(struct buf *b, int64_t v);
void wire_put_bool(struct buf *b, bool v);
void wire_put_nil(struct buf *b);
void wire_put_double(struct buf *b, double v);
void wire_put_bin(struct buf *b, const void *data, size_t len);
void wire_put_str(struct buf *b, const char *s); /* NULL is written as "" */
void wire_put_id(struct buf *b, const struct id *id);

struct wire_reader {
    const uint8_t *at;
    const uint8_t *end;
    bool bad;
};

void wire_reader_init(struct wire_reader *r, const void *data, size_t len);
/* The length of the array that starts here; more than `max` is bad. */
uint32_t wire_get_array(struct wire_reader *r, uint32_t max);
uint64_t wire_get_uint(struct wire_reader *r, uint64_t max);
int64_t wire_get_int(struct wire_reader *r);
bool wire_get_bool(struct wire_reader *r);
double wire_get_double(struct wire_reader *r); /* never NaN or infinite */
/* True, and the nil is consumed, when a nil is next. */
bool wire_get_nil(struct wire_reader *r);
/* Bytes (bin or str), borrowed from the input; longer than `max` is bad. */
struct span wire_get_bin(struct wire_reader *r, size_t max);
/* Text without NUL, copied with its own NUL into out[size]; longer is bad. */
void wire_get_str(struct wire_reader *r, char *out, size_t size);
struct id wire_get_id(struct wire_reader *r);
/* Steps over one value of any kind. */
void wire_skip(struct wire_reader *r);
/* 0 when all was well and every byte was read, else -EBADMSG. */
int wire_reader_end(const struct wire_reader *r);
#endif
