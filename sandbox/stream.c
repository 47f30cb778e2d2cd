/* SPDX-License-Identifier: MPL-2.0 */
#include "sandbox/stream.h"

#include "base/own.h"

#include <errno.h>
#include <fcntl.h>

enum { PIPE_MIN = 64 * 1024, PIPE_MAX = 1024 * 1024 };

static void shut(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

void stream_done(struct stream *s)
{
    shut(&s->fd);
    shut(&s->theirs);
    buf_done(&s->data);
}

int stream_prepare(struct stream *s, struct err *err)
{
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) < 0)
        return err_errno(err, "pipe");
    *s = (struct stream){.fd = fds[0], .theirs = fds[1]};
    if (fcntl(s->fd, F_SETFL, O_NONBLOCK) == 0)
        return 0;
    int r = err_errno(err, "pipe");
    stream_done(s);
    return r;
}

int stream_open(struct stream *s, uint64_t limit, struct err *err)
{
    int r = s->theirs >= 0 ? 0 : stream_prepare(s, err);

    if (r < 0)
        return r;
    /* A big pipe saves wake-ups; it is a wish, and the kernel may refuse it. */
    if (limit > PIPE_MIN)
        (void)fcntl(s->fd, F_SETPIPE_SZ, limit < PIPE_MAX ? (int)limit : PIPE_MAX);
    buf_init(&s->data, limit);
    return 0;
}

/* Read through memory that is there already: room for the largest piece, made anew for each run,
 * would be given back to the system and faulted in again each time. */
int stream_take(struct stream *s, struct span *ret_piece)
{
    static uint8_t piece[PIPE_MIN];
    ssize_t n = -1;

    while ((n = read(s->fd, piece, sizeof(piece))) < 0 && errno == EINTR)
        continue;
    if (n <= 0)
        return 0;
    size_t room = s->data.max - s->data.len;
    size_t kept = (size_t)n < room ? (size_t)n : room;

    (void)buf_put(&s->data, piece, kept);
    *ret_piece = (struct span){piece, kept};
    if (kept == (size_t)n)
        return 1;
    s->truncated = true;
    return -ENOSPC;
}
