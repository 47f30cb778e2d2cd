/* SPDX-License-Identifier: MPL-2.0 */
#ifndef MESH_FIELD_H
#define MESH_FIELD_H
/*
 * How a struct is written: a table names its members once, and both directions follow the
 * table, so what is written is what is read. A struct becomes an array of its members in the
 * order of the table. A reader takes a longer array than it knows (a newer peer's) and steps
 * over the rest; a shorter one is bad.
 *
 * Limits hold in both directions: a number over its `max`, too many elements, too long bytes
 * are refused on reading, and set buf.full on writing. Only arrays behind a pointer are
 * allocated, after their count was checked; field_done() frees them.
 */
#include "base/err.h"
#include "mesh/wire.h"

#include <stddef.h>

enum field_kind {
    FIELD_KIND_U8,
    FIELD_KIND_U32,
    FIELD_KIND_U64,
    FIELD_KIND_I32,
    FIELD_KIND_I64,
    FIELD_KIND_BOOL,
    FIELD_KIND_DOUBLE,
    FIELD_KIND_ID,
    FIELD_KIND_STR,   /* char[size] with its NUL */
    FIELD_KIND_BYTES, /* uint8_t[size], always all of it */
    FIELD_KIND_SPAN,  /* borrowed from the input */
    FIELD_KIND_U32S,  /* uint32_t[], all of it */
    FIELD_KIND_U64S,
    FIELD_KIND_STRUCT,
    FIELD_KIND_ARRAY,  /* a pointer to elements, and a count elsewhere */
    FIELD_KIND_INLINE, /* elements within the struct, and a count elsewhere */
};

struct field_table {
    const struct field *fields;
    uint32_t n;
    size_t size; /* of the struct */
};

struct field {
    const char *name;
    enum field_kind kind;
    size_t offset;
    size_t size;
    uint64_t max;                 /* of the number, the bytes or the elements */
    const struct field_table *of; /* what it is made of */
    size_t count_offset;
    size_t count_size;
};

#define FIELD_KIND(T, m)                                                                           \
    _Generic(((T *)0)->m, uint8_t                                                                  \
             : FIELD_KIND_U8, uint32_t                                                             \
             : FIELD_KIND_U32, uint64_t                                                            \
             : FIELD_KIND_U64, int32_t                                                             \
             : FIELD_KIND_I32, int64_t                                                             \
             : FIELD_KIND_I64, _Bool                                                               \
             : FIELD_KIND_BOOL, double                                                             \
             : FIELD_KIND_DOUBLE, struct id                                                        \
             : FIELD_KIND_ID, char *                                                               \
             : FIELD_KIND_STR, uint8_t *                                                           \
             : FIELD_KIND_BYTES, struct span                                                       \
             : FIELD_KIND_SPAN, uint32_t *                                                         \
             : FIELD_KIND_U32S, uint64_t *                                                         \
             : FIELD_KIND_U64S)

/* Member `m` of T, a number (or bytes) of at most `most`. An enum is a number. */
#define FIELD_MAX(T, m, most)                                                                      \
    {                                                                                              \
        .name = #m, .kind = FIELD_KIND(T, m), .offset = offsetof(T, m),                            \
        .size = sizeof(((T *)0)->m), .max = (most),                                                \
    }
#define FIELD(T, m) FIELD_MAX(T, m, UINT64_MAX)
#define FIELD_STRUCT(T, m, table)                                                                  \
    {                                                                                              \
        .name = #m, .kind = FIELD_KIND_STRUCT, .offset = offsetof(T, m), .of = &(table),           \
    }
#define FIELD_MANY(T, m, count, most, table, how)                                                  \
    {                                                                                              \
        .name = #m, .kind = (how), .offset = offsetof(T, m), .max = (most), .of = &(table),        \
        .count_offset = offsetof(T, count), .count_size = sizeof(((T *)0)->count),                 \
    }
/* `m` points to `count` (also a member) structs. */
#define FIELD_ARRAY(T, m, count, most, table) FIELD_MANY(T, m, count, most, table, FIELD_KIND_ARRAY)
/* `m` is an array within T of which `count` are used. */
#define FIELD_INLINE(T, m, count, most, table)                                                     \
    FIELD_MANY(T, m, count, most, table, FIELD_KIND_INLINE)
#define FIELD_TABLE(T, list)                                                                       \
    {                                                                                              \
        .fields = (list), .n = sizeof(list) / sizeof((list)[0]), .size = sizeof(T),                \
    }

/* Writes `obj` as an array; sets b->full when it is over a limit. */
void field_put(struct buf *b, const struct field_table *t, const void *obj);
/* The same without the array's head: the members only. */
void field_put_members(struct buf *b, const struct field_table *t, const void *obj);
/* An array of the members and of `more` values, which the caller writes behind them. */
void field_put_more(struct buf *b, const struct field_table *t, uint32_t more, const void *obj);
/* Reads such an array's members; not one longer or shorter: a record of another version is not
 * guessed at. */
void field_get_more(struct wire_reader *r, const struct field_table *t, uint32_t more, void *obj);
/* Reads into `obj`, which is zero; what is wrong sets r->bad, and `err` to the member's path.
 * field_done() is due in any case. */
void field_get(struct wire_reader *r, const struct field_table *t, void *obj, struct err *err);
/* The members, when an array of `n` of them was announced. */
void field_get_members(struct wire_reader *r, const struct field_table *t, uint32_t n, void *obj,
                       struct err *err);
/* Frees the arrays and leaves `obj` zero. */
void field_done(const struct field_table *t, void *obj);
#endif
