/* SPDX-License-Identifier: MPL-2.0 */
#include "mesh/field.h"

#include "base/limits.h"

#include <errno.h>

static const void *member(const void *obj, size_t offset)
{
    return (const char *)obj + offset;
}

static void *member_of(void *obj, size_t offset)
{
    return (char *)obj + offset;
}

static uint64_t kind_max(const struct field *f)
{
    uint64_t most = f->kind == FIELD_KIND_U8    ? UINT8_MAX
                    : f->kind == FIELD_KIND_U32 ? UINT32_MAX
                                                : UINT64_MAX;

    return f->max < most ? f->max : most;
}

static uint32_t count_get(const struct field *f, const void *obj)
{
    uint32_t wide;

    if (f->count_size == sizeof(uint8_t))
        return *(const uint8_t *)member(obj, f->count_offset);
    memcpy(&wide, member(obj, f->count_offset), sizeof(wide));
    return wide;
}

static void count_set(const struct field *f, void *obj, uint32_t n)
{
    uint8_t narrow = (uint8_t)n;

    if (f->count_size == sizeof(narrow))
        memcpy(member_of(obj, f->count_offset), &narrow, sizeof(narrow));
    else
        memcpy(member_of(obj, f->count_offset), &n, sizeof(n));
}

/* Where the elements are; they may be none. */
static void *elements(const struct field *f, const void *obj)
{
    void *first;

    if (f->kind == FIELD_KIND_INLINE)
        return (char *)(uintptr_t)obj + f->offset;
    memcpy(&first, member(obj, f->offset), sizeof(first));
    return first;
}

/* --- writing --------------------------------------------------------------------------------- */

static void put_uint(struct buf *b, const struct field *f, uint64_t v)
{
    if (v > kind_max(f))
        b->full = true;
    wire_put_uint(b, v);
}

static void put_span(struct buf *b, const struct field *f, const void *at)
{
    struct span s;

    memcpy(&s, at, sizeof(s));
    if (s.len > f->max)
        b->full = true;
    else
        wire_put_bin(b, s.data, s.len);
}

static void put_str(struct buf *b, const struct field *f, const char *s)
{
    if (strnlen(s, f->size) == f->size)
        b->full = true;
    else
        wire_put_str(b, s);
}

static void put_u32s(struct buf *b, const struct field *f, const uint32_t *at)
{
    uint32_t n = (uint32_t)(f->size / sizeof(*at));

    wire_put_array(b, n);
    for (uint32_t i = 0; i < n; i++)
        wire_put_uint(b, at[i]);
}

static void put_u64s(struct buf *b, const struct field *f, const uint64_t *at)
{
    uint32_t n = (uint32_t)(f->size / sizeof(*at));

    wire_put_array(b, n);
    for (uint32_t i = 0; i < n; i++)
        wire_put_uint(b, at[i]);
}

static void put_elements(struct buf *b, const struct field *f, const void *obj)
{
    uint32_t n = count_get(f, obj);
    const char *first = elements(f, obj);

    if (n > f->max || (n && !first)) {
        b->full = true;
        return;
    }
    wire_put_array(b, n);
    for (uint32_t i = 0; i < n && !b->full; i++)
        field_put(b, f->of, first + i * f->of->size);
}

static void put_one(struct buf *b, const struct field *f, const void *obj)
{
    const void *at = member(obj, f->offset);

    switch (f->kind) {
    case FIELD_KIND_U8:
        return put_uint(b, f, *(const uint8_t *)at);
    case FIELD_KIND_U32:
        return put_uint(b, f, *(const uint32_t *)at);
    case FIELD_KIND_U64:
        return put_uint(b, f, *(const uint64_t *)at);
    case FIELD_KIND_I32:
        return wire_put_int(b, *(const int32_t *)at);
    case FIELD_KIND_I64:
        return wire_put_int(b, *(const int64_t *)at);
    case FIELD_KIND_BOOL:
        return wire_put_bool(b, *(const bool *)at);
    case FIELD_KIND_DOUBLE:
        return wire_put_double(b, *(const double *)at);
    case FIELD_KIND_ID:
        return wire_put_id(b, at);
    case FIELD_KIND_STR:
        return put_str(b, f, at);
    case FIELD_KIND_BYTES:
        return wire_put_bin(b, at, f->size);
    case FIELD_KIND_SPAN:
        return put_span(b, f, at);
    case FIELD_KIND_U32S:
        return put_u32s(b, f, at);
    case FIELD_KIND_U64S:
        return put_u64s(b, f, at);
    case FIELD_KIND_STRUCT:
        return field_put(b, f->of, at);
    case FIELD_KIND_ARRAY:
    case FIELD_KIND_INLINE:
        return put_elements(b, f, obj);
    }
}

void field_put_members(struct buf *b, const struct field_table *t, const void *obj)
{
    for (uint32_t i = 0; i < t->n && !b->full; i++)
        put_one(b, &t->fields[i], obj);
}

void field_put(struct buf *b, const struct field_table *t, const void *obj)
{
    wire_put_array(b, t->n);
    field_put_members(b, t, obj);
}

void field_put_more(struct buf *b, const struct field_table *t, uint32_t more, const void *obj)
{
    wire_put_array(b, t->n + more);
    field_put_members(b, t, obj);
}

/* --- reading --------------------------------------------------------------------------------- */

static int32_t get_i32(struct wire_reader *r)
{
    int64_t v = wire_get_int(r);

    if (v < INT32_MIN || v > INT32_MAX) {
        r->bad = true;
        return 0;
    }
    return (int32_t)v;
}

static void get_bytes(struct wire_reader *r, const struct field *f, uint8_t *at)
{
    struct span s = wire_get_bin(r, f->size);

    if (s.len == f->size)
        memcpy(at, s.data, s.len);
    else
        r->bad = true;
}

/* A newer peer may count more kinds than we know; ours are the first of them. */
static void get_numbers(struct wire_reader *r, const struct field *f, void *at)
{
    bool wide = f->kind == FIELD_KIND_U64S;
    size_t known = f->size / (wide ? sizeof(uint64_t) : sizeof(uint32_t));
    uint32_t n = wire_get_array(r, LIMIT_NODES);

    for (uint32_t i = 0; i < n; i++) {
        uint64_t v = wire_get_uint(r, wide ? UINT64_MAX : UINT32_MAX);

        if (i < known && wide)
            ((uint64_t *)at)[i] = v;
        else if (i < known)
            ((uint32_t *)at)[i] = (uint32_t)v;
    }
}

static void get_elements(struct wire_reader *r, const struct field *f, void *obj, struct err *err)
{
    uint32_t n = wire_get_array(r, (uint32_t)f->max);
    char *first;

    /* An element is its head and a byte a member, at least. */
    if (n > (size_t)(r->end - r->at) / (f->of->n + 1))
        r->bad = true;
    if (r->bad) {
        err_set(err, EBADMSG, "%s", f->name);
        return;
    }
    if (f->kind == FIELD_KIND_ARRAY && n) {
        void *made = own_calloc(n, f->of->size);

        memcpy(member_of(obj, f->offset), &made, sizeof(made));
    }
    count_set(f, obj, n);
    first = elements(f, obj);
    for (uint32_t i = 0; i < n && !r->bad; i++) {
        field_get(r, f->of, first + i * f->of->size, err);
        if (r->bad)
            err_wrap(err, "%s[%u]", f->name, i);
    }
}

static void get_one(struct wire_reader *r, const struct field *f, void *at)
{
    switch (f->kind) {
    case FIELD_KIND_U8:
        *(uint8_t *)at = (uint8_t)wire_get_uint(r, kind_max(f));
        break;
    case FIELD_KIND_U32:
        *(uint32_t *)at = (uint32_t)wire_get_uint(r, kind_max(f));
        break;
    case FIELD_KIND_U64:
        *(uint64_t *)at = wire_get_uint(r, kind_max(f));
        break;
    case FIELD_KIND_I32:
        *(int32_t *)at = get_i32(r);
        break;
    case FIELD_KIND_I64:
        *(int64_t *)at = wire_get_int(r);
        break;
    case FIELD_KIND_BOOL:
        *(bool *)at = wire_get_bool(r);
        break;
    case FIELD_KIND_DOUBLE:
        *(double *)at = wire_get_double(r);
        break;
    case FIELD_KIND_ID:
        *(struct id *)at = wire_get_id(r);
        break;
    case FIELD_KIND_STR:
        wire_get_str(r, at, f->size);
        break;
    case FIELD_KIND_BYTES:
        get_bytes(r, f, at);
        break;
    case FIELD_KIND_SPAN:
        *(struct span *)at = wire_get_bin(r, (size_t)f->max);
        break;
    case FIELD_KIND_U32S:
    case FIELD_KIND_U64S:
        get_numbers(r, f, at);
        break;
    default: /* made of others: field_get_members() */
        break;
    }
}

void field_get_members(struct wire_reader *r, const struct field_table *t, uint32_t n, void *obj,
                       struct err *err)
{
    if (n < t->n) {
        r->bad = true;
        err_set(err, EBADMSG, "%u members where %u are needed", n, t->n);
    }
    for (uint32_t i = 0; i < t->n && !r->bad; i++) {
        const struct field *f = &t->fields[i];

        if (f->kind == FIELD_KIND_STRUCT) {
            field_get(r, f->of, member_of(obj, f->offset), err);
            if (r->bad)
                err_wrap(err, "%s", f->name);
        } else if (f->kind == FIELD_KIND_ARRAY || f->kind == FIELD_KIND_INLINE) {
            get_elements(r, f, obj, err);
        } else {
            get_one(r, f, member_of(obj, f->offset));
            if (r->bad)
                err_set(err, EBADMSG, "%s", f->name);
        }
    }
    for (uint32_t i = t->n; i < n && !r->bad; i++)
        wire_skip(r);
}

void field_get(struct wire_reader *r, const struct field_table *t, void *obj, struct err *err)
{
    uint32_t n = wire_get_array(r, LIMIT_WIRE_MEMBERS);

    field_get_members(r, t, n, obj, err);
}

void field_get_more(struct wire_reader *r, const struct field_table *t, uint32_t more, void *obj)
{
    if (wire_get_array(r, t->n + more) != t->n + more)
        r->bad = true;
    field_get_members(r, t, t->n, obj, NULL);
}

static void free_arrays(const struct field_table *t, void *obj);

static void free_elements(const struct field *f, void *obj)
{
    uint32_t n = count_get(f, obj);
    char *first = elements(f, obj);

    for (uint32_t i = 0; i < n; i++)
        free_arrays(f->of, first + i * f->of->size);
    if (f->kind == FIELD_KIND_ARRAY)
        free(first);
}

static void free_arrays(const struct field_table *t, void *obj)
{
    for (uint32_t i = 0; i < t->n; i++) {
        const struct field *f = &t->fields[i];

        if (f->kind == FIELD_KIND_STRUCT)
            free_arrays(f->of, member_of(obj, f->offset));
        else if (f->kind == FIELD_KIND_ARRAY || f->kind == FIELD_KIND_INLINE)
            free_elements(f, obj);
    }
}

void field_done(const struct field_table *t, void *obj)
{
    free_arrays(t, obj);
    memset(obj, 0, t->size);
}
