/* SPDX-License-Identifier: MPL-2.0 */
#ifndef API_POSITION_H
#define API_POSITION_H
/*
 * Where a client is in an event stream: the last event number it has of each job it follows,
 * as the text of an `id:` line and of `Last-Event-ID` (HTML standard, section 9.2). The text
 * is the numbers in hex with dots between, in the order of the request: "1", or "3.17.0". It
 * means the same to every bridge.
 */
#include "base/buf.h"

enum {
    API_POSITIONS_MAX = 100,                             /* jobs in a stream */
    API_POSITIONS_TEXT_MAX = API_POSITIONS_MAX * 17 - 1, /* bytes */
};

/* Appends the text of n numbers. 0, or -ENOBUFS when `out` is full. */
int api_positions_write(const uint64_t *seqs, unsigned n, struct buf *out);
/* True when `text` is what api_positions_write() makes of n numbers, which are then in
 * ret_seqs[0..n-1]. Anything else, from a stranger, writes nothing. */
bool api_positions_read(struct span text, unsigned n, uint64_t *ret_seqs);
#endif
