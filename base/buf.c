/* SPDX-License-Identifier: MPL-2.0 */
#include "base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>

enum { BUF_FIRST = 256 };

void buf_init(struct buf *b, size_t max)
{
    *b = (struct buf){.max = max};
}

void buf_done(struct buf *b)
{
    free(b->data);
    *b = (struct buf){.max = b->max};
}

void buf_reset(struct buf *b)
{
    b->len = 0;
    b->full = false;
}

uint8_t *buf_grow(struct buf *b, size_t len)
{
    if (len > b->max - b->len) {
        b->full = true;
        return NULL;
    }
    if (b->len + len + 1 > b->cap) {
        size_t want = b->cap ? b->cap : BUF_FIRST;

        while (want < b->len + len + 1)
            want *= 2;
        b->data = own_realloc(b->data, want);
        b->cap = want;
    }
    return b->data + b->len;
}

int buf_put_uint(struct buf *b, uint64_t v)
{
    char text[20]; /* of 2^64 */
    size_t at = sizeof(text);

    do {
        text[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v > 0);
    return buf_put(b, text + at, sizeof(text) - at);
}

int buf_printf(struct buf *b, const char *fmt, ...)
{
    size_t room = b->cap - b->len;
    va_list ap;
    int need;

    /* Most of the time it fits where it is. */
    va_start(ap, fmt);
    need = vsnprintf(room ? (char *)b->data + b->len : NULL, room, fmt, ap);
    va_end(ap);
    if (need < 0)
        return -EINVAL;

    uint8_t *at = buf_reserve(b, (size_t)need);
    if (!at)
        return -ENOSPC;
    if ((size_t)need >= room) {
        va_start(ap, fmt);
        (void)vsnprintf((char *)at, (size_t)need + 1, fmt, ap);
        va_end(ap);
    }
    b->len += (size_t)need;
    return 0;
}

int buf_load(struct buf *b, const char *path, struct err *err)
{
    auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    return fd < 0 ? err_errno(err, "%s", path) : buf_load_fd(b, fd, path, err);
}

int buf_load_fd(struct buf *b, int fd, const char *name, struct err *err)
{
    char chunk[4096];

    for (;;) {
        ssize_t n = read(fd, chunk, sizeof(chunk));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(err, "%s", name);
        if (n == 0)
            return 0;
        if (buf_put(b, chunk, (size_t)n) < 0)
            return err_set(err, EFBIG, "%s: larger than %zu bytes", name, b->max);
    }
}

void buf_consume(struct buf *b, size_t len)
{
    if (len >= b->len) {
        b->len = 0;
        return;
    }
    memmove(b->data, b->data + len, b->len - len);
    b->len -= len;
}

uint8_t *buf_steal(struct buf *b, size_t *ret_len)
{
    uint8_t *data = b->data ? STEAL(b->data) : own_calloc(1, 1);

    if (b->cap)
        data[b->len] = '\0';
    if (ret_len)
        *ret_len = b->len;
    *b = (struct buf){.max = b->max};
    return data;
}
