/* SPDX-License-Identifier: MPL-2.0 */
#include "api-bridge/position.h"

#include <inttypes.h>
#include <string.h>

enum { POSITION_DIGITS_MAX = 16 };

int api_positions_write(const uint64_t *seqs, unsigned n, struct buf *out)
{
    int r = 0;

    for (unsigned i = 0; i < n && r == 0; i++)
        r = buf_printf(out, "%s%" PRIx64, i ? "." : "", seqs[i]);
    return r;
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One number, as printf writes it: no sign, no leading zero. Returns its digits, 0 = none. */
static size_t read_number(struct span text, uint64_t *ret)
{
    uint64_t value = 0;
    size_t n = 0;

    for (; n < text.len && hex_digit(text.data[n]) >= 0; n++) {
        if (n == POSITION_DIGITS_MAX || (n == 1 && value == 0))
            return 0;
        value = value << 4 | (uint64_t)hex_digit(text.data[n]);
    }
    *ret = value;
    return n;
}

bool api_positions_read(struct span text, unsigned n, uint64_t *ret_seqs)
{
    uint64_t seqs[API_POSITIONS_MAX];
    size_t at = 0;

    if (n > API_POSITIONS_MAX)
        return false;
    for (unsigned i = 0; i < n; i++) {
        size_t digits = read_number((struct span){text.data + at, text.len - at}, &seqs[i]);

        at += digits;
        if (digits == 0)
            return false;
        if (i + 1 < n && (at == text.len || text.data[at++] != '.'))
            return false;
    }
    if (at != text.len)
        return false;
    memcpy(ret_seqs, seqs, n * sizeof(seqs[0]));
    return true;
}
