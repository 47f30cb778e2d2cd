/* SPDX-License-Identifier: MPL-2.0 */
#ifndef BASE_BUF_H
#define BASE_BUF_H
/*
 * Bytes that grow up to a cap. A write past the cap changes nothing, sets `full` and
 * returns -ENOSPC, so a caller may write a whole message and test once at the end.
 * Not thread safe.
 */
#include "base/err.h"
#include "base/own.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

struct buf {
    uint8_t *data; /* owned; NULL while empty */
    size_t len;    /* bytes used */
    size_t cap;    /* bytes allocated */
    size_t max;    /* bytes it may ever hold */
    bool full;     /* a write was refused */
};

/* Bytes somebody else owns. */
struct span {
    const uint8_t *data;
    size_t len;
};

void buf_init(struct buf *b, size_t max);
void buf_done(struct buf *b);
/* Empties it and keeps the memory. */
void buf_reset(struct buf *b);
/* buf_reserve() where there is no room yet. */
uint8_t *buf_grow(struct buf *b, size_t len);

/* Makes room for `len` more bytes and returns where they go (len is not advanced), or NULL. Here,
 * as the next three are, because a submit asks for room 160 times, mostly a byte or two. */
static inline uint8_t *buf_reserve(struct buf *b, size_t len)
{
    if (len < b->cap - b->len && len <= b->max - b->len)
        return b->data + b->len;
    return buf_grow(b, len);
}

/* All return 0 or -ENOSPC. */
static inline int buf_put(struct buf *b, const void *src, size_t len)
{
    uint8_t *at = buf_reserve(b, len);

    if (!at)
        return -ENOSPC;
    if (len)
        memcpy(at, src, len);
    b->len += len;
    return 0;
}

static inline int buf_puts(struct buf *b, const char *s)
{
    return buf_put(b, s, strlen(s));
}

static inline int buf_putc(struct buf *b, uint8_t c)
{
    return buf_put(b, &c, 1);
}

int buf_put_uint(struct buf *b, uint64_t v); /* in decimal digits */
int buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Appends what the file holds. -errno when it cannot be read, -EFBIG when it does not fit. Of a
 * descriptor what is left of it; `name` is for `err`. */
int buf_load_fd(struct buf *b, int fd, const char *name, struct err *err);
int buf_load(struct buf *b, const char *path, struct err *err);
/* Drops the first `len` bytes. */
void buf_consume(struct buf *b, size_t len);
/* Hands the bytes over (NUL behind them, not counted); the buffer is empty after. */
uint8_t *buf_steal(struct buf *b, size_t *ret_len);

static inline struct span buf_span(const struct buf *b)
{
    return (struct span){b->data, b->len};
}

static inline struct span span_of(const char *s)
{
    return (struct span){(const uint8_t *)s, s ? strlen(s) : 0};
}

static inline bool span_eq(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

#define auto_buf __attribute__((cleanup(buf_done)))
#endif
