/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/api-bridge/fakewire.h"

#include <assert.h>
#include <errno.h>

struct api_peer fakewires[FAKEWIRES_MAX];
unsigned n_fakewires;

struct api_peer *api_peer_new(uv_loop_t *loop, const char *endpoint,
                              const struct api_peer_events *events, void *ctx, struct err *err)
{
    struct api_peer *p = &fakewires[n_fakewires++];

    (void)loop;
    (void)err;
    assert(n_fakewires <= FAKEWIRES_MAX);
    *p = (struct api_peer){.events = events, .ctx = ctx};
    (void)snprintf(p->endpoint, sizeof(p->endpoint), "%s", endpoint);
    return p;
}

void api_peer_free(struct api_peer *p)
{
    p->events = NULL;
}

int api_peer_send(struct api_peer *p, struct span frame)
{
    struct message m;

    assert(message_decode(frame, &m, NULL) == 0);
    if (!p->up)
        return -EAGAIN;
    assert(p->n_sent < FAKEWIRE_SENT_MAX);
    p->sent[p->n_sent].type = m.type;
    p->sent[p->n_sent].token = m.token;
    p->sent[p->n_sent].number = m.type == MESSAGE_SESSION_SIGNAL   ? message_signal(m.signal.name)
                                : m.type == MESSAGE_SESSION_RESIZE ? (int)m.session.rows
                                                                   : 0;
    p->sent[p->n_sent++].seen = m.type == MESSAGE_WATCH ? m.job.seen : 0;
    message_done(&m);
    return 0;
}

void fakewire_says(unsigned wire, struct message m)
{
    auto_buf struct buf frame = {.max = LIMIT_FRAME_BULK};

    assert(message_encode(&m, &frame) == 0);
    fakewires[wire].events->frame(fakewires[wire].ctx, buf_span(&frame));
}

void fakewire_up(unsigned wire)
{
    struct api_peer *p = &fakewires[wire];

    p->up = true;
    p->events->up(p->ctx);
    assert(p->n_sent > 0 && p->sent[0].type == MESSAGE_HELLO);
    p->n_sent = 0;
    fakewire_says(wire, (struct message){.type = MESSAGE_WELCOME});
}

void fakewire_down(unsigned wire)
{
    fakewires[wire].up = false;
    fakewires[wire].events->down(fakewires[wire].ctx);
}
