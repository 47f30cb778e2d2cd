/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works
 *
 *   DATA stdin --> input --write()--> pipe or terminal --> the program
 *   DATA stdout, stderr <--read()-- pipes or terminal <--/
 *
 * A pipe is watched only while something may be read or written: with no credit from the client
 * output stays in its pipe, and the program waits.
 */
#include "node/live_state.h"

#include "base/own.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

enum { LIVE_EOF_BYTE = 4 }; /* what ends a terminal's input */

/* --- to the client ------------------------------------------------------------------------- */

void live_send(struct live *s, struct message *m)
{
    auto_buf struct buf frame;

    buf_init(&frame, LIMIT_FRAME_CONTROL);
    m->token = s->token;
    if (message_encode(m, &frame) == 0)
        s->env->send(s->env->ctx, s->client, buf_span(&frame));
}

void live_say(struct live *s, enum message_type type)
{
    struct message m = {.type = type};

    live_send(s, &m);
}

static void live_data(struct live *s, enum message_stream stream, struct span bytes)
{
    struct message m = {.type = MESSAGE_SESSION_DATA};

    m.data.stream = stream;
    m.data.at = s->sent.at;
    m.data.bytes = bytes;
    message_flow_pass(&s->sent, bytes.len);
    live_send(s, &m);
}

void live_data_some(struct live *s, enum message_stream stream, struct span bytes)
{
    uint32_t room;

    while (bytes.len > 0 && (room = message_flow_room(&s->sent)) > 0) {
        struct span piece = {bytes.data, bytes.len < room ? bytes.len : room};

        live_data(s, stream, piece);
        bytes.data += piece.len;
        bytes.len -= piece.len;
    }
}

/* The client may send a window's worth behind what was taken. */
static void live_grant(struct live *s)
{
    struct message m = {.type = MESSAGE_SESSION_CREDIT};

    s->taken.upto = s->taken.at + LIVE_WINDOW;
    m.credit.upto = s->taken.upto;
    live_send(s, &m);
}

/* --- ports --------------------------------------------------------------------------------- */

void live_port_close(struct live_port *p)
{
    loop_watch_free(STEAL(p->watch));
    if (p->fd >= 0)
        (void)close(p->fd);
    p->fd = -1;
}

void live_ports_close(struct live *s)
{
    live_port_close(&s->in);
    live_port_close(&s->out);
    live_port_close(&s->err);
}

static void live_overflowed(const struct live *s, struct message_closed *end)
{
    end->verdict = RESULT_OUTPUT_LIMIT;
    (void)snprintf(end->cause.kind, sizeof(end->cause.kind), "output");
    (void)snprintf(end->cause.detail, sizeof(end->cause.detail),
                   "more than the %llu bytes of output allowed", (unsigned long long)s->output_max);
}

void live_finish(struct live *s)
{
    struct message m = {.type = MESSAGE_SESSION_CLOSED};

    if (s->state == LIVE_OVER)
        return;
    live_ports_close(s);
    s->state = LIVE_OVER;
    if (s->overflow)
        live_overflowed(s, &s->end);
    m.closed = s->end;
    live_send(s, &m);
    s->env->changed(s->env->ctx);
}

/* Of one that is leaving: nothing is left to be sent. */
void live_settle(struct live *s)
{
    if (s->state == LIVE_LEAVING && (s->ending || (s->out.fd < 0 && s->err.fd < 0)))
        live_finish(s);
}

static void live_overflow(struct live *s)
{
    s->overflow = true;
    live_port_close(&s->out);
    live_port_close(&s->err);
    if (s->slot)
        slot_kill(s->slot);
}

/* What the program wrote: the part within the limit is sent. */
static void live_printed(struct live *s, enum message_stream stream, struct span bytes)
{
    const uint64_t left = s->output_max - s->printed;
    const bool over = bytes.len > left;

    if (over)
        bytes.len = (size_t)left;
    s->printed += bytes.len;
    if (bytes.len > 0)
        live_data(s, stream, bytes);
    if (over)
        live_overflow(s);
}

static void port_readable(void *ctx, int events)
{
    struct live_port *p = ctx;
    struct live *s = p->live;
    uint8_t bytes[MESSAGE_SESSION_PIECE];
    const uint32_t room = message_flow_room(&s->sent);
    ssize_t n;

    (void)events;
    if (room == 0) {
        loop_watch_set(p->watch, 0);
        return;
    }
    n = read(p->fd, bytes, room);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    s->active_ms = loop_now_ms(s->env->loop);
    if (n > 0)
        live_printed(s, p->stream, (struct span){bytes, (size_t)n});
    else
        live_port_close(p); /* a terminal says EIO at its end */
    live_settle(s);
}

static void port_writable(void *ctx, int events);

int live_port_open(struct live_port *p, int fd, bool writes)
{
    struct live *s = p->live;
    const int flags = fcntl(fd, F_GETFL);

    p->fd = fd;
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return -errno;
    p->watch = loop_watch_new(s->env->loop, fd, writes ? port_writable : port_readable, p);
    if (!writes)
        loop_watch_set(p->watch, LOOP_READ);
    return 0;
}

/* --- input --------------------------------------------------------------------------------- */

/* All of the input is with the program. A terminal's line is sent by one such byte, and ended by
 * another. */
static void input_ended(struct live *s)
{
    static const uint8_t eof[2] = {LIVE_EOF_BYTE, LIVE_EOF_BYTE};

    if (!s->tty) {
        live_port_close(&s->in);
        return;
    }
    s->input_last = false;
    (void)!write(s->in.fd, eof, s->mid_line ? 2 : 1);
}

void live_input_flush(struct live *s)
{
    ssize_t n = 1;

    if (s->in.fd < 0)
        return;
    while (s->input.len > 0 && (n = write(s->in.fd, s->input.data, s->input.len)) > 0) {
        s->mid_line = s->input.data[n - 1] != '\n';
        buf_consume(&s->input, (size_t)n);
        s->active_ms = loop_now_ms(s->env->loop);
    }
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        /* The program reads no more; what is sent to it is dropped. */
        buf_reset(&s->input);
        live_port_close(&s->in);
    }
    if (s->input.len == 0 && s->taken.at + LIVE_WINDOW / 2 > s->taken.upto)
        live_grant(s);
    if (s->input.len == 0 && s->input_last && s->in.fd >= 0)
        input_ended(s);
    if (s->in.fd >= 0)
        loop_watch_set(s->in.watch, s->input.len > 0 ? LOOP_WRITE : 0);
}

static void port_writable(void *ctx, int events)
{
    struct live_port *p = ctx;

    (void)events;
    live_input_flush(p->live);
}

void live_input(struct live *s, const struct message *m)
{
    const struct message_flow before = s->taken;

    message_flow_pass(&s->taken, m->data.bytes.len);
    if (m->data.stream != MESSAGE_STREAM_STDIN || m->data.at != before.at ||
        s->taken.at > before.upto) {
        live_end(s, MESSAGE_CLOSING_LOST);
        return;
    }
    s->active_ms = loop_now_ms(s->env->loop);
    /* It may have closed its stdin, or ended: then nobody reads this. */
    if (s->in.fd >= 0 || s->state < LIVE_RUNNING)
        (void)buf_put(&s->input, m->data.bytes.data, m->data.bytes.len);
    else if (s->taken.at + LIVE_WINDOW / 2 > s->taken.upto)
        live_grant(s);
    s->input_last |= m->data.last;
    if (s->state == LIVE_RUNNING)
        live_input_flush(s);
}

void live_credit(struct live *s, uint64_t upto)
{
    if (upto <= s->sent.upto)
        return;
    s->sent.upto = upto;
    if (s->out.watch)
        loop_watch_set(s->out.watch, LOOP_READ);
    if (s->err.watch)
        loop_watch_set(s->err.watch, LOOP_READ);
}
