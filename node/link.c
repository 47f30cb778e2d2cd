/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works
 *
 *   a peer's DEALER (control) ---> our ROUTER      a DEALER only sends, a peer's ROUTER only
 *   a peer's DEALER (bulk) ------> our ROUTER      receives: what goes back uses our own DEALER
 *   a client's DEALER <----------> our ROUTER
 *
 * A DEALER with IMMEDIATE has no queue while it is not connected, so nothing stale is sent
 * later. Its monitor tells when it is open and when it broke; a broken one is closed, never
 * reused, because what was under way on it is lost. Heartbeats are off: the mesh has its own.
 */
#include <czmq.h>

#include "node/link.h"

#include "base/clock.h"
#include "base/keyfile.h"
#include "base/limits.h"
#include "base/own.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/random.h>

enum {
    LINK_ZAP_ENFORCE_DOMAIN = 93,
    LINK_MONITOR_EVENTS = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED |
                          ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                          ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL,
    LINK_SELFTEST_MS = 5000,
    LINK_SOCKETS_MAX = 8192,
    LINK_NONCE = 8, /* bytes */
};
_Static_assert(sizeof(zmq_msg_t) == sizeof(((struct link_frame *)0)->message), "message room");

struct link {
    void *socket;
    void *monitor;
    enum link_state state;
    bool router;
    bool more;                   /* parts of a message are left, each a frame of its own */
    uint8_t from[LINK_NAME_MAX]; /* of whom */
    size_t from_len;
};

struct link_actor {
    zactor_t *actor;
    zsock_t *pipe;
    struct link pipe_link;
    bool ready;
    void (*main)(struct link_actor *self, void *ctx);
    void *ctx;
};

static void *link_context;
static bool link_has_key;
static char link_secret[KEYFILE_LEN + 1];
static char link_public[KEYFILE_LEN + 1];
static zactor_t *link_auth;

/* --- keys ---------------------------------------------------------------------------------- */

static int link_key_read(const char *path, struct err *err)
{
    int rc = keyfile_read(path, link_secret, err);

    if (rc == 0 && zmq_curve_public(link_public, link_secret) != 0)
        rc = err_set(err, EINVAL, "ARENA_KEY_FILE: %s does not hold a Z85 key", path);
    return rc;
}

static int link_auth_start(struct err *err)
{
    uint8_t public_key[32];
    uint8_t secret_key[32];
    zcertstore_t *certs;
    zcert_t *cert;

    if (!zmq_z85_decode(public_key, link_public) || !zmq_z85_decode(secret_key, link_secret))
        return err_set(err, EINVAL, "ARENA_KEY_FILE: not a Z85 key");
    cert = zcert_new_from(public_key, secret_key);
    certs = zcertstore_new(NULL);
    zcertstore_insert(certs, &cert);
    link_auth = zactor_new(zauth, certs); /* which owns them now */
    return link_auth ? 0 : err_set(err, EAGAIN, "cannot start the authenticator");
}

int link_init(const char *key_file, struct err *err)
{
    int rc;

    zsys_handler_set(NULL); /* signals are the loop's */
    zsys_set_max_sockets(LINK_SOCKETS_MAX);
    link_context = zsys_init();
    zsys_set_linger(0);
    link_has_key = key_file && key_file[0];
    if (!link_has_key)
        return 0;
    if (!zmq_has("curve"))
        return err_set(err, ENOTSUP, "ARENA_KEY_FILE: libzmq was built without CURVE");
    rc = link_key_read(key_file, err);
    return rc != 0 ? rc : link_auth_start(err);
}

void link_done(void)
{
    zactor_destroy(&link_auth);
    explicit_bzero(link_secret, sizeof(link_secret));
    zsys_shutdown();
}

bool link_secured(void)
{
    return link_has_key;
}

int link_keygen(const char *key_file, struct err *err)
{
    char public_key[KEYFILE_LEN + 1];
    char secret_key[KEYFILE_LEN + 1];
    auto_fd int fd = -1;

    if (zmq_curve_keypair(public_key, secret_key) != 0)
        return err_set(err, ENOTSUP, "libzmq was built without CURVE");
    fd = open(key_file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
    if (fd < 0)
        return err_errno(err, "create %s", key_file);
    secret_key[KEYFILE_LEN] = '\n';
    if (write(fd, secret_key, sizeof(secret_key)) != (ssize_t)sizeof(secret_key))
        return err_errno(err, "write %s", key_file);
    return 0;
}

/* --- sockets ------------------------------------------------------------------------------- */

static void link_set(void *socket, int option, int value)
{
    /* Of a library that is too old for an option the self-test tells, where it matters. */
    (void)zmq_setsockopt(socket, option, &value, sizeof(value));
}

static struct link *link_fail(struct link *l, struct err *err, const char *what,
                              const char *endpoint)
{
    (void)err_set(err, errno ? errno : EIO, "%s %s: %s", what, endpoint, zmq_strerror(errno));
    link_free(l);
    return NULL;
}

static void link_options(void *socket, enum link_kind kind)
{
    const int64_t max = kind == LINK_CONTROL ? LIMIT_FRAME_CONTROL : LIMIT_FRAME_BULK;

    (void)zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &max, sizeof(max));
    link_set(socket, ZMQ_LINGER, 0);
    link_set(socket, ZMQ_RCVHWM, 0);
    link_set(socket, ZMQ_HANDSHAKE_IVL, 3000);
    link_set(socket, ZMQ_TCP_KEEPALIVE, 1);
    link_set(socket, ZMQ_IPV6, 1);
}

struct link *link_listen(enum link_kind kind, const char *endpoint, struct err *err)
{
    struct link *l = own_calloc(1, sizeof(*l));

    l->router = true;
    l->state = LINK_OPEN;
    l->socket = zmq_socket(link_context, ZMQ_ROUTER);
    if (!l->socket)
        return link_fail(l, err, "socket for", endpoint);
    link_options(l->socket, kind);
    link_set(l->socket, ZMQ_ROUTER_MANDATORY, 1);
    link_set(l->socket, ZMQ_BACKLOG, 512);
    link_set(l->socket, ZMQ_SNDHWM, 10000);
    if (link_has_key) {
        link_set(l->socket, ZMQ_CURVE_SERVER, 1);
        (void)zmq_setsockopt(l->socket, ZMQ_CURVE_SECRETKEY, link_secret, KEYFILE_LEN + 1);
        (void)zmq_setsockopt(l->socket, ZMQ_ZAP_DOMAIN, "arena", 5);
        link_set(l->socket, LINK_ZAP_ENFORCE_DOMAIN, 1);
    }
    if (zmq_bind(l->socket, endpoint) != 0)
        return link_fail(l, err, "cannot listen on", endpoint);
    return l;
}

static int link_watch(struct link *l)
{
    static _Atomic uint64_t count; /* a closed monitor's name is free only some time later */
    char name[64];

    (void)snprintf(name, sizeof(name), "inproc://watch-%llu", (unsigned long long)++count);
    if (zmq_socket_monitor(l->socket, name, LINK_MONITOR_EVENTS) != 0)
        return -errno;
    l->monitor = zmq_socket(link_context, ZMQ_PAIR);
    if (!l->monitor)
        return -errno;
    link_set(l->monitor, ZMQ_LINGER, 0);
    return zmq_connect(l->monitor, name) == 0 ? 0 : -errno;
}

/* `secret` and `public` NULL: no CURVE. */
static struct link *link_dial_as(enum link_kind kind, const char *endpoint, const struct id *self,
                                 const char *keys[2], struct err *err)
{
    struct link *l = own_calloc(1, sizeof(*l));
    uint8_t name[LINK_NAME_MAX];

    l->socket = zmq_socket(link_context, ZMQ_DEALER);
    if (!l->socket)
        return link_fail(l, err, "socket for", endpoint);
    link_options(l->socket, kind);
    link_set(l->socket, ZMQ_SNDHWM, kind == LINK_BULK ? 64 : 1000);
    link_set(l->socket, ZMQ_IMMEDIATE, 1);
    link_set(l->socket, ZMQ_RECONNECT_IVL, 100);
    link_set(l->socket, ZMQ_RECONNECT_IVL_MAX, 5000);
    link_set(l->socket, ZMQ_CONNECT_TIMEOUT, 2000);
    link_set(l->socket, ZMQ_TCP_MAXRT, 5000);
    if (self)
        (void)zmq_setsockopt(l->socket, ZMQ_ROUTING_ID, name, link_name(self, name));
    if (keys) {
        (void)zmq_setsockopt(l->socket, ZMQ_CURVE_SERVERKEY, link_public, KEYFILE_LEN + 1);
        (void)zmq_setsockopt(l->socket, ZMQ_CURVE_PUBLICKEY, keys[0], KEYFILE_LEN + 1);
        (void)zmq_setsockopt(l->socket, ZMQ_CURVE_SECRETKEY, keys[1], KEYFILE_LEN + 1);
    }
    if (link_watch(l) != 0)
        return link_fail(l, err, "cannot watch", endpoint);
    if (zmq_connect(l->socket, endpoint) != 0)
        return link_fail(l, err, "cannot connect to", endpoint);
    return l;
}

struct link *link_dial(enum link_kind kind, const char *endpoint, const struct id *self,
                       struct err *err)
{
    const char *keys[2] = {link_public, link_secret};

    return link_dial_as(kind, endpoint, self, link_has_key ? keys : NULL, err);
}

void link_free(struct link *l)
{
    if (!l)
        return;
    if (l->monitor) {
        (void)zmq_socket_monitor(l->socket, NULL, 0);
        (void)zmq_close(l->monitor);
    }
    if (l->socket)
        (void)zmq_close(l->socket);
    free(l);
}

int link_send(struct link *l, struct span to, struct span frame)
{
    return link_send_many(l, to, &frame, 1);
}

int link_send_many(struct link *l, struct span to, const struct span *frames, uint32_t n)
{
    if (l->router && zmq_send(l->socket, to.data, to.len, ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0)
        return -errno;
    for (uint32_t i = 0; i < n; i++) {
        int more = i + 1 < n ? ZMQ_SNDMORE : 0;

        if (zmq_send(l->socket, frames[i].data, frames[i].len, ZMQ_DONTWAIT | more) < 0)
            return -errno;
    }
    return 0;
}

/* Reads who sends; false: nothing is there. The length is 0 when it is nobody we can answer. */
static bool link_recv_name(struct link *l)
{
    int rc = zmq_recv(l->socket, l->from, sizeof(l->from), ZMQ_DONTWAIT);
    int more = 0;
    size_t size = sizeof(more);

    if (rc < 0)
        return false;
    l->from_len = (size_t)rc <= sizeof(l->from) ? (size_t)rc : 0;
    l->more = zmq_getsockopt(l->socket, ZMQ_RCVMORE, &more, &size) == 0 && more;
    return true;
}

/* 0, -EAGAIN, or -EBADMSG for a part that is from nobody and is gone. */
static int link_recv_one(struct link *l, struct link_frame *f)
{
    zmq_msg_t *m = (zmq_msg_t *)(void *)f->message;

    if (l->router && !l->more) {
        if (!link_recv_name(l))
            return -EAGAIN;
        if (!l->more)
            return -EBADMSG;
    }
    (void)zmq_msg_init(m);
    if (zmq_msg_recv(m, l->socket, ZMQ_DONTWAIT) < 0)
        return -EAGAIN;
    l->more = zmq_msg_more(m);
    if (l->router && l->from_len == 0) {
        (void)zmq_msg_close(m);
        return -EBADMSG;
    }
    memcpy(f->from, l->from, l->from_len);
    f->from_len = l->from_len;
    f->data = (struct span){zmq_msg_data(m), zmq_msg_size(m)};
    return 0;
}

int link_recv(struct link *l, struct link_frame *ret_frame)
{
    int rc;

    do
        rc = link_recv_one(l, ret_frame);
    while (rc == -EBADMSG);
    return rc;
}

void link_frame_done(struct link_frame *f)
{
    (void)zmq_msg_close((zmq_msg_t *)(void *)f->message);
}

/* No two connections have one name: a listener would close the older for the newer, whose
 * dialler would come back and close the newer, and so on for ever. */
size_t link_name(const struct id *self, uint8_t ret_name[LINK_NAME_MAX])
{
    const size_t len = 1 + ID_SIZE + LINK_NONCE;

    ret_name[0] = 1; /* a name may not begin with 0: those are ZeroMQ's own */
    memcpy(ret_name + 1, self->b, ID_SIZE);
    if (getrandom(ret_name + 1 + ID_SIZE, LINK_NONCE, 0) != LINK_NONCE)
        abort();
    return len;
}

int link_name_parse(const uint8_t *name, size_t len, struct id *ret_self)
{
    if (len != 1 + ID_SIZE + LINK_NONCE || name[0] != 1)
        return -EINVAL;
    memcpy(ret_self->b, name + 1, ID_SIZE);
    return 0;
}

/* One event of the monitor: a frame [event 16, value 32], then the endpoint. */
static bool link_monitor_read(struct link *l)
{
    zmq_msg_t part;
    uint16_t event = 0;
    int more = 1;
    int rc;

    (void)zmq_msg_init(&part);
    rc = zmq_msg_recv(&part, l->monitor, ZMQ_DONTWAIT);
    if (rc >= (int)sizeof(event))
        memcpy(&event, zmq_msg_data(&part), sizeof(event));
    more = rc >= 0 && zmq_msg_more(&part);
    (void)zmq_msg_close(&part);
    if (more) {
        (void)zmq_msg_init(&part);
        (void)zmq_msg_recv(&part, l->monitor, ZMQ_DONTWAIT);
        (void)zmq_msg_close(&part);
    }
    if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED && l->state == LINK_CONNECTING)
        l->state = LINK_OPEN;
    else if (event)
        l->state = LINK_BROKEN;
    return rc >= 0;
}

enum link_state link_state(struct link *l)
{
    while (l->monitor && l->state != LINK_BROKEN && link_monitor_read(l))
        ;
    return l->state;
}

void link_wait(struct link_wait *items, uint32_t n, int timeout_ms)
{
    auto_free zmq_pollitem_t *polled = own_calloc(n ? n : 1, sizeof(*polled));

    for (uint32_t i = 0; i < n; i++) {
        struct link *l = items[i].link;

        polled[i].events = ZMQ_POLLIN;
        polled[i].fd = l ? -1 : items[i].fd;
        if (l)
            polled[i].socket = items[i].watch ? l->monitor : l->socket;
        items[i].ready = false;
    }
    if (zmq_poll(polled, (int)n, timeout_ms) <= 0)
        return;
    for (uint32_t i = 0; i < n; i++)
        items[i].ready = polled[i].revents != 0;
}

/* --- self-test ----------------------------------------------------------------------------- */

static bool link_admits(const char *endpoint, const char *keys[2])
{
    struct link *l = link_dial_as(LINK_CONTROL, endpoint, NULL, keys, NULL);
    struct link_wait item = {.link = l, .watch = true};
    const uint64_t end = clock_mono_ns() + (uint64_t)LINK_SELFTEST_MS * 1000000u;
    enum link_state state;

    if (!l)
        return false;
    while ((state = link_state(l)) == LINK_CONNECTING && clock_mono_ns() < end)
        link_wait(&item, 1, 100);
    link_free(l);
    return state == LINK_OPEN;
}

int link_selftest(struct err *err)
{
    char stranger[2][KEYFILE_LEN + 1];
    const char *theirs[2] = {stranger[0], stranger[1]};
    const char *ours[2] = {link_public, link_secret};
    char endpoint[256];
    size_t size = sizeof(endpoint);
    struct link *l;
    int rc = 0;

    if (!link_has_key)
        return 0;
    l = link_listen(LINK_CONTROL, "tcp://127.0.0.1:*", err);
    if (!l)
        return -err->code;
    if (zmq_getsockopt(l->socket, ZMQ_LAST_ENDPOINT, endpoint, &size) != 0 ||
        zmq_curve_keypair(stranger[0], stranger[1]) != 0)
        rc = err_errno(err, "self-test of the links");
    else if (!link_admits(endpoint, ours))
        rc = err_set(err, EACCES, "self-test of the links: our own key is refused");
    else if (link_admits(endpoint, theirs))
        rc = err_set(err, EACCES, "self-test of the links: a stranger's key is admitted");
    else if (link_admits(endpoint, NULL))
        rc = err_set(err, EACCES, "self-test of the links: a link without a key is admitted");
    link_free(l);
    return rc;
}

/* --- the actor ----------------------------------------------------------------------------- */

static void link_actor_main(zsock_t *pipe, void *arg)
{
    struct link_actor *a = arg;

    a->pipe = pipe;
    a->pipe_link.socket = zsock_resolve(pipe);
    a->main(a, a->ctx);
    link_actor_ready(a);
}

struct link_actor *link_actor_new(void (*main)(struct link_actor *self, void *ctx), void *ctx)
{
    struct link_actor *a = own_calloc(1, sizeof(*a));

    a->main = main;
    a->ctx = ctx;
    a->actor = zactor_new(link_actor_main, a);
    if (!a->actor)
        abort();
    return a;
}

void link_actor_free(struct link_actor *a)
{
    if (!a)
        return;
    zactor_destroy(&a->actor);
    free(a);
}

void link_actor_ready(struct link_actor *a)
{
    if (a->ready)
        return;
    a->ready = true;
    (void)zsock_signal(a->pipe, 0);
}

bool link_actor_ended(struct link_actor *a)
{
    char word[16];
    int rc = zmq_recv(a->pipe_link.socket, word, sizeof(word), ZMQ_DONTWAIT);

    return rc == 5 && memcmp(word, "$TERM", 5) == 0;
}

struct link *link_actor_link(struct link_actor *a)
{
    return &a->pipe_link;
}
