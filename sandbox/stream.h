/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SANDBOX_STREAM_H
#define SANDBOX_STREAM_H
/* What a program writes on stdout or stderr: a pipe, and what has come out of it so far. */
#include "base/buf.h"
#include "base/err.h"

struct stream {
    int fd;     /* our end, -1 = closed */
    int theirs; /* the program's, -1 = closed; kept until the end, which others tell us of */
    struct buf data;
    bool truncated; /* there was more than may be kept */
};

/* Makes the pipe ahead, `s` being one that is done with. */
int stream_prepare(struct stream *s, struct err *err);
/* Makes it, if that is not done. `limit` bytes are kept. */
int stream_open(struct stream *s, uint64_t limit, struct err *err);
void stream_done(struct stream *s);

/* Takes the next piece out of the pipe. 1 = one was kept, *ret_piece, valid until the next call;
 * 0 = no more for now; -ENOSPC = more than the limit. */
int stream_take(struct stream *s, struct span *ret_piece);
#endif
