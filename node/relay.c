/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works: each side's output is read when there is nothing left of it to pass on, and
 * written to the other side's input; either the one pipe is watched or the other.
 *
 *     side --out--> from [piece] to --in--> other side
 *                          |
 *                      transcript
 */
#include "node/relay.h"

#include "base/own.h"

#include <errno.h>
#include <fcntl.h>

enum { PIECE = 16 * 1024 };

struct way {
    struct relay *relay;
    enum relay_side side; /* who speaks */
    int from, to;
    struct loop_watch *reads, *writes;
    uint8_t piece[PIECE];
    size_t len, sent;
};

struct relay {
    struct loop *loop;
    struct way ways[RELAY_SIDES];
    struct buf said;
    size_t most;
    bool more;        /* than fits the transcript */
    bool line_begins; /* the last byte written down was the end of a line */
    enum relay_side last;
};

static void put(struct relay *r, const void *bytes, size_t n)
{
    const size_t room = r->most - r->said.len;

    r->more |= n > room;
    (void)buf_put(&r->said, bytes, n < room ? n : room);
}

static void write_down(struct relay *r, enum relay_side side, struct span piece)
{
    if (!r->line_begins && side != r->last) {
        put(r, "\n", 1);
        r->line_begins = true;
    }
    r->last = side;
    while (piece.len > 0 && !r->more) {
        const uint8_t *end = memchr(piece.data, '\n', piece.len);
        const size_t n = end ? (size_t)(end - piece.data) + 1 : piece.len;

        if (r->line_begins)
            put(r, side == RELAY_PROGRAM ? "> " : "< ", 2);
        put(r, piece.data, n);
        r->line_begins = end != NULL;
        piece.data += n;
        piece.len -= n;
    }
}

static void give_up(int *fd)
{
    own_close(fd);
    *fd = -1;
}

static void shut(struct way *w)
{
    loop_watch_free(STEAL(w->reads));
    loop_watch_free(STEAL(w->writes));
    give_up(&w->from);
    give_up(&w->to);
}

/* Passes on what there is. False: nobody listens any more. */
static bool pass(struct way *w)
{
    while (w->sent < w->len) {
        ssize_t n = write(w->to, w->piece + w->sent, w->len - w->sent);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN;
        w->sent += (size_t)n;
    }
    w->sent = w->len = 0;
    return true;
}

/* Takes the next piece. False: the speaker has closed. */
static bool hear(struct way *w)
{
    ssize_t n;

    do
        n = read(w->from, w->piece, sizeof(w->piece));
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return n < 0 && errno == EAGAIN;
    w->len = (size_t)n;
    write_down(w->relay, w->side, (struct span){w->piece, w->len});
    return true;
}

static void on_turn(void *ctx, int events)
{
    struct way *w = ctx;

    (void)events;
    bool on = pass(w);
    if (on && w->len == 0)
        on = hear(w) && pass(w);
    if (!on) {
        shut(w);
        return;
    }
    loop_watch_set(w->reads, w->len ? 0 : LOOP_READ);
    loop_watch_set(w->writes, w->len ? LOOP_WRITE : 0);
}

static int make_way(struct way *w, int *ret_out, int *ret_in, struct err *err)
{
    int out[2], in[2];

    if (pipe2(out, O_CLOEXEC) != 0)
        return err_errno(err, "pipe");
    w->from = out[0];
    *ret_out = out[1];
    if (pipe2(in, O_CLOEXEC) != 0)
        return err_errno(err, "pipe");
    w->to = in[1];
    *ret_in = in[0];
    if (fcntl(w->from, F_SETFL, O_NONBLOCK) < 0 || fcntl(w->to, F_SETFL, O_NONBLOCK) < 0)
        return err_errno(err, "pipe");
    w->reads = loop_watch_new(w->relay->loop, w->from, on_turn, w);
    w->writes = loop_watch_new(w->relay->loop, w->to, on_turn, w);
    loop_watch_set(w->reads, LOOP_READ);
    return 0;
}

struct relay *relay_new(struct loop *l, size_t most, struct relay_ends ret_ends[RELAY_SIDES],
                        struct err *err)
{
    struct relay *r = own_calloc(1, sizeof(*r));
    int rc = 0;

    r->loop = l;
    r->most = most;
    r->line_begins = true;
    buf_init(&r->said, most);
    for (int i = 0; i < RELAY_SIDES; i++) {
        r->ways[i] = (struct way){.relay = r, .side = (enum relay_side)i, .from = -1, .to = -1};
        ret_ends[i] = (struct relay_ends){-1, -1};
    }
    for (int i = 0; rc == 0 && i < RELAY_SIDES; i++)
        rc = make_way(&r->ways[i], &ret_ends[i].out, &ret_ends[!i].in, err);
    if (rc == 0)
        return r;
    for (int i = 0; i < RELAY_SIDES; i++) {
        give_up(&ret_ends[i].in);
        give_up(&ret_ends[i].out);
    }
    relay_free(r);
    return NULL;
}

void relay_free(struct relay *r)
{
    if (!r)
        return;
    for (int i = 0; i < RELAY_SIDES; i++)
        shut(&r->ways[i]);
    buf_done(&r->said);
    free(r);
}

bool relay_transcript(struct relay *r, struct span *ret_said)
{
    for (int i = 0; i < RELAY_SIDES; i++) {
        struct way *w = &r->ways[i];

        do
            w->len = 0;
        while (w->from >= 0 && hear(w) && w->len > 0);
        shut(w);
    }
    ret_said->data = buf_steal(&r->said, &ret_said->len);
    return r->more;
}
