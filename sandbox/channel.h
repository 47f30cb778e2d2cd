/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SANDBOX_CHANNEL_H
#define SANDBOX_CHANNEL_H
/*
 * Frames with descriptors over a connected AF_UNIX stream socket: between the daemon and its
 * keeper, and between the keeper and its stages. A frame is a header (length, type, number of
 * descriptors) and a body; its descriptors travel with its first byte (SCM_RIGHTS) and arrive
 * CLOEXEC. What does not fit the socket at once waits in a queue. Works on blocking and on
 * non-blocking sockets. Whatever the other end sends, the worst here is -EBADMSG. One thread.
 */
#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "sandbox/step.h"

enum {
    CHANNEL_FDS = STEP_FILES_IN + 8,                /* of one frame; SCM_RIGHTS takes 253 */
    CHANNEL_BODY = 2 * STEP_STREAM_MAX + LIMIT_MIB, /* bytes of one frame */
};

struct channel_item; /* a frame, or the rest of one, that waits */

struct channel {
    int fd; /* owned */
    struct buf in;
    size_t used;              /* bytes of `in` that belong to the frame handed out last */
    int fds[2 * CHANNEL_FDS]; /* arrived, of frames not yet handed out */
    uint32_t n_fds;
    bool ended; /* the other end has closed */
    struct channel_item *head, *tail;
};

struct frame {
    uint32_t type;
    struct span body; /* borrowed until the next channel_get() */
    int fds[CHANNEL_FDS];
    uint32_t n_fds;
};

/* Takes the descriptor. */
void channel_init(struct channel *c, int *fd);
void channel_done(struct channel *c);

/* Sends or queues a frame; body and descriptors stay the caller's. 0, -E2BIG, -EPIPE. */
int channel_put(struct channel *c, uint32_t type, struct span body, const int *fds, uint32_t n_fds);
/* Sends what waits. 0; -EPIPE. Call when the socket can be written. */
int channel_flush(struct channel *c);
bool channel_waits(const struct channel *c);
/* Has channel_get() something to return, or to begin with, without another look at the socket? */
bool channel_has(const struct channel *c);

/*
 * The next frame: 1; 0 = not all there yet (non-blocking sockets only); -EPIPE = the other end
 * has closed; -EBADMSG. The frame is to be given back with frame_done().
 */
int channel_get(struct channel *c, struct frame *ret_frame);
/* Takes descriptor i out of the frame; the caller owns it. */
int frame_take(struct frame *f, uint32_t i);
/* Closes what was not taken. */
void frame_done(struct frame *f);
#endif
