/* SPDX-License-Identifier: MPL-2.0 */
#include "node/client.h"

#include "base/clock.h"
#include "base/own.h"
#include "node/link.h"

#include <errno.h>
#include <stdio.h>

struct client {
    struct link *link;
    uint64_t token;
    bool has_frame;
    struct link_frame frame;
    bool has_message;
    struct message message;
};

static void client_let_go(struct client *c)
{
    if (c->has_message)
        message_done(&c->message);
    if (c->has_frame)
        link_frame_done(&c->frame);
    c->has_message = c->has_frame = false;
}

void client_close(struct client *c)
{
    if (!c)
        return;
    client_let_go(c);
    link_free(c->link);
    free(c);
}

static int client_connect(struct client *c, const char *endpoint, uint32_t timeout_ms,
                          struct err *err)
{
    const uint64_t end = clock_mono_ns() + (uint64_t)timeout_ms * 1000000u;
    struct link_wait item = {.watch = true};
    enum link_state state;

    c->link = link_dial(LINK_CLIENT, endpoint, NULL, err);
    if (!c->link)
        return -err->code;
    item.link = c->link;
    while ((state = link_state(c->link)) == LINK_CONNECTING && clock_mono_ns() < end)
        link_wait(&item, 1, 50);
    if (state == LINK_OPEN)
        return 0;
    return err_set(err, ECONNREFUSED, "%s: %s", endpoint,
                   state == LINK_BROKEN ? "refused (is the key right?)" : "no answer");
}

struct client *client_open(const char *endpoint, uint32_t timeout_ms, struct err *err)
{
    struct client *c = own_calloc(1, sizeof(*c));
    struct message hello = {.type = MESSAGE_HELLO};
    const struct message *welcome;

    (void)snprintf(hello.hello.client, sizeof(hello.hello.client), "arena");
    if (client_connect(c, endpoint, timeout_ms, err) != 0 ||
        client_call(c, &hello, timeout_ms, &welcome, err) != 0) {
        client_close(c);
        return NULL;
    }
    return c;
}

int client_send(struct client *c, struct message *m, struct err *err)
{
    m->token = ++c->token;
    return client_tell(c, m, err);
}

int client_tell(struct client *c, const struct message *m, struct err *err)
{
    auto_buf struct buf frame;
    int rc;

    buf_init(&frame, LIMIT_FRAME_BULK);
    if (message_encode(m, &frame) != 0)
        return err_set(err, E2BIG, "the request is too large");
    rc = link_send(c->link, (struct span){NULL, 0}, buf_span(&frame));
    return rc == 0 ? 0 : err_set(err, -rc, "the connection to the peer is gone");
}

bool client_wait(struct client *c, int fd, uint32_t timeout_ms)
{
    struct link_wait items[] = {{.link = c->link}, {.link = c->link, .watch = true}, {.fd = fd}};

    link_wait(items, fd < 0 ? 2 : 3, (int)timeout_ms);
    return items[2].ready;
}

int client_receive(struct client *c, uint32_t timeout_ms, const struct message **ret_message,
                   struct err *err)
{
    const uint64_t end = clock_mono_ns() + (uint64_t)timeout_ms * 1000000u;
    struct link_wait items[] = {{.link = c->link}, {.link = c->link, .watch = true}};
    uint64_t now;

    client_let_go(c);
    while (link_recv(c->link, &c->frame) != 0) {
        if (link_state(c->link) == LINK_BROKEN)
            return err_set(err, EPIPE, "the connection to the peer is gone");
        now = clock_mono_ns();
        if (now >= end)
            return err_set(err, ETIMEDOUT, "no answer in %u ms", timeout_ms);
        link_wait(items, 2, (int)((end - now) / 1000000u) + 1);
    }
    c->has_frame = true;
    if (message_decode(c->frame.data, &c->message, err) != 0)
        return -EBADMSG;
    c->has_message = true;
    *ret_message = &c->message;
    return 0;
}

static int client_refused(const struct message *m, struct err *err)
{
    static const int codes[MESSAGE_REFUSAL_N] = {
        [MESSAGE_REFUSAL_NOT_FOUND] = ENOENT,       [MESSAGE_REFUSAL_QUEUE_FULL] = EAGAIN,
        [MESSAGE_REFUSAL_DRAINING] = EAGAIN,        [MESSAGE_REFUSAL_NO_QUORUM] = EAGAIN,
        [MESSAGE_REFUSAL_UNKNOWN_OUTCOME] = EAGAIN, [MESSAGE_REFUSAL_DISK_FULL] = EAGAIN,
        [MESSAGE_REFUSAL_KEY_REUSED] = EEXIST,      [MESSAGE_REFUSAL_BAD_REQUEST] = EINVAL,
        [MESSAGE_REFUSAL_NO_ISOLATION] = ENOTSUP,   [MESSAGE_REFUSAL_NO_LANGUAGE] = ENOTSUP,
        [MESSAGE_REFUSAL_NO_SLOT] = EAGAIN,
    };
    const char *text = m->refused.text[0] ? m->refused.text : message_refusal_text(m->refused.why);

    return err_set(err, codes[m->refused.why] ? codes[m->refused.why] : EIO, "%.200s", text);
}

int client_call(struct client *c, struct message *m, uint32_t timeout_ms,
                const struct message **ret_answer, struct err *err)
{
    const uint64_t end = clock_mono_ns() + (uint64_t)timeout_ms * 1000000u;
    const struct message *answer;
    int rc = client_send(c, m, err);

    while (rc == 0) {
        const uint64_t now = clock_mono_ns();

        rc = client_receive(c, now < end ? (uint32_t)((end - now) / 1000000u) : 0, &answer, err);
        if (rc != 0 || answer->token != m->token)
            continue;
        if (answer->type == MESSAGE_REFUSED)
            return client_refused(answer, err);
        *ret_answer = answer;
        return 0;
    }
    return rc;
}
