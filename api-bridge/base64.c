/* SPDX-License-Identifier: MPL-2.0 */
#include "api-bridge/base64.h"

#include <errno.h>

static const char alphabet[2][65] = {
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
};

/* The six bits of a character, or -1. */
static int sextet(uint8_t c, enum api_base64_kind kind)
{
    const char *last = alphabet[kind] + 62;

    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == (uint8_t)last[0])
        return 62;
    return c == (uint8_t)last[1] ? 63 : -1;
}

/* Two to four characters become one to three bytes; -1 when one is wrong or bits are left. */
static int decode_group(const uint8_t *in, size_t n, enum api_base64_kind kind, uint8_t *out)
{
    uint32_t bits = 0;

    for (size_t i = 0; i < n; i++) {
        int six = sextet(in[i], kind);

        if (six < 0)
            return -1;
        bits = bits << 6 | (uint32_t)six;
    }
    bits <<= 6 * (4 - n);
    out[0] = (uint8_t)(bits >> 16);
    if (n > 2)
        out[1] = (uint8_t)(bits >> 8);
    if (n > 3)
        out[2] = (uint8_t)bits;
    if (n == 2 && (bits & 0xffff) != 0)
        return -1;
    return n == 3 && (bits & 0xff) != 0 ? -1 : 0;
}

int api_base64_decode(struct span text, enum api_base64_kind kind, struct buf *out)
{
    size_t len = text.len;
    uint8_t *to;

    if (kind == API_BASE64_STANDARD) {
        if (len % 4 != 0)
            return -EINVAL;
        for (int i = 0; i < 2 && len > 0 && text.data[len - 1] == '='; i++)
            len--;
    }
    if (len % 4 == 1)
        return -EINVAL;
    if (len == 0)
        return 0;
    to = buf_reserve(out, len / 4 * 3 + 3);
    if (!to)
        return -ENOSPC;
    for (size_t i = 0; i < len; i += 4) {
        size_t n = len - i < 4 ? len - i : 4;

        if (decode_group(text.data + i, n, kind, to + i / 4 * 3) != 0)
            return -EINVAL;
    }
    out->len += len / 4 * 3 + (len % 4 ? len % 4 - 1 : 0);
    return 0;
}

int api_base64_encode(struct span bytes, enum api_base64_kind kind, struct buf *out)
{
    const char *abc = alphabet[kind];
    uint8_t *to = buf_reserve(out, (bytes.len + 2) / 3 * 4 + 1);
    size_t used = 0;

    if (!to)
        return -ENOSPC;
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t n = bytes.len - i < 3 ? bytes.len - i : 3;
        uint32_t bits = (uint32_t)bytes.data[i] << 16;

        if (n > 1)
            bits |= (uint32_t)bytes.data[i + 1] << 8;
        if (n > 2)
            bits |= bytes.data[i + 2];
        for (size_t k = 0; k < 4; k++) {
            if (k <= n)
                to[used++] = (uint8_t)abc[bits >> (18 - 6 * k) & 63];
            else if (kind == API_BASE64_STANDARD)
                to[used++] = '=';
        }
    }
    out->len += used;
    return 0;
}
