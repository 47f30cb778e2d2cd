/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works: a ZeroMQ socket's descriptor is edge triggered, and a send may eat the edge
 * of a receive. So after every send the socket is `dirty`, and before the loop would block
 * (uv_prepare) a dirty socket is read until it is empty; when that takes too long, an idle
 * handle keeps the loop from blocking, and the rest is read in the next turn. A monitor
 * socket tells when the connection is made and lost.
 *
 * What is sent in a turn of the loop leaves at its end, in one message of several parts, each a
 * frame: one wake-up of the other side for all of them. What comes may have several parts too.
 */
#include <zmq.h>

#include "api-bridge/peer.h"
#include "base/keyfile.h"
#include "base/own.h"

#include <errno.h>

enum {
    PEER_READS_PER_TURN = 256,
    PEER_TOGETHER = 128, /* frames in one message */
    PEER_TOGETHER_BYTES = 256 * LIMIT_KIB,
    PEER_ROUNDS_PER_TURN = 8,
    PEER_HWM = 100000,
    PEER_RECONNECT_MS = 100,
    PEER_RECONNECT_MS_MAX = 1000,
    PEER_HEARTBEAT_MS = 1000,
    PEER_SILENCE_MS_MAX = 3000,
    PEER_EVENTS = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED,
};

static void *context;
static bool has_key;
static char public_key[KEYFILE_LEN + 1];
static char secret_key[KEYFILE_LEN + 1];

struct api_peer {
    void *socket;
    void *monitor;
    uv_poll_t poll;
    uv_poll_t watch;
    uv_prepare_t prepare;
    uv_idle_t idle;
    unsigned handles; /* not closed yet */
    bool dirty;
    bool fresh; /* the watch was not read yet: no event may come before the caller has `p` */
    bool is_up;
    bool freed;
    const struct api_peer_events *events;
    void *ctx;
    uint32_t n_out; /* frames that wait for the end of the turn */
    size_t out_bytes;
    zmq_msg_t out[PEER_TOGETHER];
};

static int read_key(const char *path, struct err *err)
{
    int r = keyfile_read(path, secret_key, err);

    if (r == 0 && zmq_curve_public(public_key, secret_key) != 0)
        r = err_set(err, EINVAL, "ARENA_KEY_FILE: %s does not hold a Z85 key", path);
    has_key = r == 0;
    return r;
}

int api_peer_library_init(const char *key_file, struct err *err)
{
    context = zmq_ctx_new();
    if (!context)
        return err_errno(err, "ZeroMQ");
    return key_file && key_file[0] ? read_key(key_file, err) : 0;
}

void api_peer_library_done(void)
{
    (void)zmq_ctx_term(context);
    context = NULL;
    has_key = false;
    explicit_bzero(secret_key, sizeof(secret_key));
}

static void set(void *socket, int option, int value)
{
    /* An option an old library does not have only costs its benefit. */
    (void)zmq_setsockopt(socket, option, &value, sizeof(value));
}

static void set_options(void *socket)
{
    set(socket, ZMQ_LINGER, 0);
    set(socket, ZMQ_IMMEDIATE, 1);
    set(socket, ZMQ_SNDHWM, PEER_HWM);
    set(socket, ZMQ_RCVHWM, PEER_HWM);
    set(socket, ZMQ_RECONNECT_IVL, PEER_RECONNECT_MS);
    set(socket, ZMQ_RECONNECT_IVL_MAX, PEER_RECONNECT_MS_MAX);
    set(socket, ZMQ_CONNECT_TIMEOUT, 2000);
    set(socket, ZMQ_HEARTBEAT_IVL, PEER_HEARTBEAT_MS);
    set(socket, ZMQ_HEARTBEAT_TIMEOUT, PEER_SILENCE_MS_MAX);
    (void)zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &(int64_t){LIMIT_FRAME_BULK}, sizeof(int64_t));
    if (!has_key)
        return;
    (void)zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, public_key, KEYFILE_LEN + 1);
    (void)zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, public_key, KEYFILE_LEN + 1);
    (void)zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, secret_key, KEYFILE_LEN + 1);
}

/* Reads what is there, up to a share of the turn; stays dirty when more may be left. */
static void drain(struct api_peer *p)
{
    p->dirty = false;
    for (int i = 0; i < PEER_READS_PER_TURN && !p->freed; i++) {
        zmq_msg_t m;

        (void)zmq_msg_init(&m);
        if (zmq_msg_recv(&m, p->socket, ZMQ_DONTWAIT) < 0) {
            (void)zmq_msg_close(&m);
            return;
        }
        p->events->frame(p->ctx, (struct span){zmq_msg_data(&m), zmq_msg_size(&m)});
        (void)zmq_msg_close(&m);
    }
    p->dirty = true;
}

static void on_readable(uv_poll_t *h, int status, int events)
{
    struct api_peer *p = h->data;

    (void)status;
    (void)events;
    p->dirty = true;
}

static void connection_changed(struct api_peer *p, uint16_t event)
{
    bool up = event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED;

    if (up == p->is_up)
        return;
    p->is_up = up;
    if (up)
        p->events->up(p->ctx);
    else
        p->events->down(p->ctx);
}

static void on_watch(uv_poll_t *h, int status, int events)
{
    struct api_peer *p = h->data;

    (void)status;
    (void)events;
    while (!p->freed) {
        uint8_t head[6], address[256];
        uint16_t event;

        if (zmq_recv(p->monitor, head, sizeof(head), ZMQ_DONTWAIT) != sizeof(head))
            return;
        (void)zmq_recv(p->monitor, address, sizeof(address), ZMQ_DONTWAIT);
        memcpy(&event, head, sizeof(event));
        connection_changed(p, event);
    }
}

static void on_idle(uv_idle_t *h)
{
    (void)uv_idle_stop(h);
}

/* A message whose first part finds no room is dropped whole. */
static void flush(struct api_peer *p)
{
    bool lost = false;

    for (uint32_t i = 0; i < p->n_out; i++) {
        int more = i + 1 < p->n_out ? ZMQ_SNDMORE : 0;

        lost = lost || zmq_msg_send(&p->out[i], p->socket, ZMQ_DONTWAIT | more) < 0;
        if (lost)
            (void)zmq_msg_close(&p->out[i]);
    }
    p->dirty = p->dirty || p->n_out > 0;
    p->n_out = 0;
    p->out_bytes = 0;
    if (lost && p->events->dropped)
        p->events->dropped(p->ctx);
}

static void on_prepare(uv_prepare_t *h)
{
    struct api_peer *p = h->data;

    if (p->fresh)
        on_watch(&p->watch, 0, 0);
    p->fresh = false;
    flush(p);
    for (int i = 0; i < PEER_ROUNDS_PER_TURN && p->dirty && !p->freed; i++) {
        drain(p);
        flush(p); /* what the answers made be asked */
    }
    if (p->dirty && !p->freed)
        (void)uv_idle_start(&p->idle, on_idle);
}

static int socket_fd(void *socket)
{
    int fd = -1;
    size_t size = sizeof(fd);

    return zmq_getsockopt(socket, ZMQ_FD, &fd, &size) == 0 ? fd : -1;
}

static int open_sockets(struct api_peer *p, const char *endpoint, struct err *err)
{
    char name[64];

    p->socket = zmq_socket(context, ZMQ_DEALER);
    if (!p->socket)
        return err_errno(err, "a socket for %s", endpoint);
    set_options(p->socket);
    (void)snprintf(name, sizeof(name), "inproc://watch-%p", (void *)p);
    if (zmq_socket_monitor(p->socket, name, PEER_EVENTS) != 0)
        return err_errno(err, "a watch on %s", endpoint);
    p->monitor = zmq_socket(context, ZMQ_PAIR);
    if (!p->monitor)
        return err_errno(err, "a watch on %s", endpoint);
    set(p->monitor, ZMQ_LINGER, 0);
    if (zmq_connect(p->monitor, name) != 0)
        return err_errno(err, "a watch on %s", endpoint);
    if (zmq_connect(p->socket, endpoint) != 0)
        return err_set(err, errno, "%s: %s", endpoint, zmq_strerror(errno));
    return 0;
}

static void close_sockets(struct api_peer *p)
{
    for (uint32_t i = 0; i < p->n_out; i++)
        (void)zmq_msg_close(&p->out[i]);
    if (p->monitor)
        (void)zmq_close(p->monitor);
    if (p->socket)
        (void)zmq_close(p->socket);
    free(p);
}

struct api_peer *api_peer_new(uv_loop_t *loop, const char *endpoint,
                              const struct api_peer_events *events, void *ctx, struct err *err)
{
    struct api_peer *p = own_calloc(1, sizeof(*p));

    p->events = events;
    p->ctx = ctx;
    if (open_sockets(p, endpoint, err) < 0) {
        close_sockets(p);
        return NULL;
    }
    (void)uv_poll_init(loop, &p->poll, socket_fd(p->socket));
    (void)uv_poll_init(loop, &p->watch, socket_fd(p->monitor));
    (void)uv_prepare_init(loop, &p->prepare);
    (void)uv_idle_init(loop, &p->idle);
    p->poll.data = p->watch.data = p->prepare.data = p->idle.data = p;
    p->handles = 4;
    (void)uv_poll_start(&p->poll, UV_READABLE, on_readable);
    (void)uv_poll_start(&p->watch, UV_READABLE, on_watch);
    (void)uv_prepare_start(&p->prepare, on_prepare);
    p->dirty = p->fresh = true;
    return p;
}

static void on_closed(uv_handle_t *h)
{
    struct api_peer *p = h->data;

    if (--p->handles == 0)
        close_sockets(p);
}

void api_peer_free(struct api_peer *p)
{
    if (!p || p->freed)
        return;
    p->freed = true;
    uv_close((uv_handle_t *)&p->poll, on_closed);
    uv_close((uv_handle_t *)&p->watch, on_closed);
    uv_close((uv_handle_t *)&p->prepare, on_closed);
    uv_close((uv_handle_t *)&p->idle, on_closed);
}

int api_peer_send(struct api_peer *p, struct span frame)
{
    zmq_msg_t *m;

    if (!p->is_up)
        return -EAGAIN;
    if (p->n_out == PEER_TOGETHER || p->out_bytes > PEER_TOGETHER_BYTES)
        flush(p);
    m = &p->out[p->n_out++];
    if (zmq_msg_init_size(m, frame.len) != 0)
        abort();
    memcpy(zmq_msg_data(m), frame.data, frame.len);
    p->out_bytes += frame.len;
    return 0;
}
