/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works: `in` collects bytes, `fds` the descriptors that came with them, in order. A
 * frame is complete when its header and body are in `in`; its descriptors have arrived by then,
 * because the kernel hands them over with the first byte of the sendmsg() that carried them.
 */
#include "sandbox/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

enum { CHANNEL_CHUNK = 64 * 1024 };

struct channel_head {
    uint32_t len;
    uint32_t type;
    uint32_t n_fds;
};

struct channel_item {
    struct channel_item *next;
    size_t len;
    size_t sent;
    uint32_t n_fds;
    int fds[CHANNEL_FDS];
    uint8_t data[];
};

union control {
    struct cmsghdr align;
    char room[CMSG_SPACE(sizeof(int) * CHANNEL_FDS)];
};

static void close_all(int *fds, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (fds[i] >= 0)
            (void)close(fds[i]);
        fds[i] = -1;
    }
}

void channel_init(struct channel *c, int *fd)
{
    *c = (struct channel){.fd = own_fd_steal(fd)};
    buf_init(&c->in, sizeof(struct channel_head) + CHANNEL_BODY + CHANNEL_CHUNK);
}

static void item_free(struct channel_item *it)
{
    close_all(it->fds, it->n_fds);
    free(it);
}

void channel_done(struct channel *c)
{
    while (c->head) {
        struct channel_item *it = c->head;

        c->head = it->next;
        item_free(it);
    }
    c->tail = NULL;
    close_all(c->fds, c->n_fds);
    c->n_fds = 0;
    buf_done(&c->in);
    if (c->fd >= 0)
        (void)close(c->fd);
    c->fd = -1;
}

bool channel_waits(const struct channel *c)
{
    return c->head != NULL;
}

/* Bytes sent, or a negative errno. The descriptors go with the first byte. */
static ssize_t send_some(int fd, const struct iovec *iov, int n_iov, const int *fds, uint32_t n_fds)
{
    union control ctl;
    struct msghdr msg = {.msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)n_iov};
    ssize_t n;

    if (n_fds) {
        memset(&ctl, 0, sizeof(ctl));
        msg.msg_control = ctl.room;
        msg.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
        struct cmsghdr *cm = CMSG_FIRSTHDR(&msg);
        cm->cmsg_level = SOL_SOCKET;
        cm->cmsg_type = SCM_RIGHTS;
        cm->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
        memcpy(CMSG_DATA(cm), fds, sizeof(int) * n_fds);
    }
    do
        n = sendmsg(fd, &msg, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

/* Keeps the part of a frame that the socket did not take. */
static int keep(struct channel *c, const struct iovec *iov, size_t sent, const int *fds,
                uint32_t n_fds)
{
    size_t total = iov[0].iov_len + iov[1].iov_len;
    struct channel_item *it = own_calloc(1, sizeof(*it) + total);

    memcpy(it->data, iov[0].iov_base, iov[0].iov_len);
    if (iov[1].iov_len)
        memcpy(it->data + iov[0].iov_len, iov[1].iov_base, iov[1].iov_len);
    it->len = total;
    it->sent = sent;
    for (uint32_t i = 0; sent == 0 && i < n_fds; i++) {
        int dup = fcntl(fds[i], F_DUPFD_CLOEXEC, 0);

        if (dup < 0) {
            int code = errno;

            item_free(it);
            return -code;
        }
        it->fds[it->n_fds++] = dup;
    }
    if (c->tail)
        c->tail->next = it;
    else
        c->head = it;
    c->tail = it;
    return 0;
}

int channel_put(struct channel *c, uint32_t type, struct span body, const int *fds, uint32_t n_fds)
{
    struct channel_head head = {(uint32_t)body.len, type, n_fds};
    struct iovec iov[2] = {{&head, sizeof(head)}, {(void *)(uintptr_t)body.data, body.len}};
    ssize_t n = 0;

    if (body.len > CHANNEL_BODY || n_fds > CHANNEL_FDS)
        return -E2BIG;
    if (!c->head) {
        n = send_some(c->fd, iov, body.len ? 2 : 1, fds, n_fds);
        if (n == -EAGAIN)
            n = 0;
        if (n < 0)
            return n == -ETOOMANYREFS ? (int)n : -EPIPE;
        if ((size_t)n == sizeof(head) + body.len)
            return 0;
    }
    int r = keep(c, iov, (size_t)n, fds, n_fds);
    return r < 0 ? r : channel_flush(c);
}

int channel_flush(struct channel *c)
{
    while (c->head) {
        struct channel_item *it = c->head;
        struct iovec iov = {it->data + it->sent, it->len - it->sent};
        ssize_t n = send_some(c->fd, &iov, 1, it->fds, it->sent == 0 ? it->n_fds : 0);

        if (n == -EAGAIN)
            return 0;
        if (n < 0)
            return -EPIPE;
        it->sent += (size_t)n;
        if (it->sent < it->len)
            continue;
        c->head = it->next;
        if (!c->head)
            c->tail = NULL;
        item_free(it);
    }
    return 0;
}

/* Keeps what arrived; more than two frames' worth is a broken peer. */
static int accept_fds(struct channel *c, struct msghdr *msg)
{
    int bad = msg->msg_flags & MSG_CTRUNC ? -EBADMSG : 0;

    for (struct cmsghdr *cm = CMSG_FIRSTHDR(msg); cm; cm = CMSG_NXTHDR(msg, cm)) {
        if (cm->cmsg_level != SOL_SOCKET || cm->cmsg_type != SCM_RIGHTS)
            continue;
        size_t n = (cm->cmsg_len - CMSG_LEN(0)) / sizeof(int);

        for (size_t i = 0; i < n; i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(cm) + i * sizeof(int), sizeof(fd));
            if (c->n_fds < ARRAY_LEN(c->fds)) {
                c->fds[c->n_fds++] = fd;
            } else {
                (void)close(fd);
                bad = -EBADMSG;
            }
        }
    }
    return bad;
}

/* 1 = bytes came, 0 = none now, or a negative errno. */
static int receive(struct channel *c)
{
    union control ctl;
    uint8_t *at = buf_reserve(&c->in, CHANNEL_CHUNK);
    struct iovec iov = {at, CHANNEL_CHUNK};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = ctl.room,
                         .msg_controllen = sizeof(ctl.room)};
    ssize_t n;

    if (!at)
        return -EBADMSG;
    do
        n = recvmsg(c->fd, &msg, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN ? 0 : -EPIPE;
    if (n == 0) {
        c->ended = true;
        return -EPIPE;
    }
    c->in.len += (size_t)n;
    int r = accept_fds(c, &msg);
    return r < 0 ? r : 1;
}

/* 1 = a whole frame is there, 0 = not yet. */
static int complete(const struct channel *c, struct channel_head *ret_head)
{
    if (c->in.len < sizeof(*ret_head))
        return 0;
    memcpy(ret_head, c->in.data, sizeof(*ret_head));
    if (ret_head->len > CHANNEL_BODY || ret_head->n_fds > CHANNEL_FDS)
        return -EBADMSG;
    return c->in.len - sizeof(*ret_head) >= ret_head->len;
}

bool channel_has(const struct channel *c)
{
    return c->in.len > c->used;
}

int channel_get(struct channel *c, struct frame *ret_frame)
{
    struct channel_head head = {0};
    int r;

    buf_consume(&c->in, c->used);
    c->used = 0;
    if (c->in.len == 0 && c->in.cap > LIMIT_MIB)
        buf_done(&c->in);
    while ((r = complete(c, &head)) == 0) {
        r = receive(c);
        if (r <= 0)
            return r;
    }
    if (r < 0 || head.n_fds > c->n_fds)
        return -EBADMSG;
    ret_frame->type = head.type;
    ret_frame->body = (struct span){c->in.data + sizeof(head), head.len};
    ret_frame->n_fds = head.n_fds;
    memcpy(ret_frame->fds, c->fds, sizeof(int) * head.n_fds);
    c->n_fds -= head.n_fds;
    memmove(c->fds, c->fds + head.n_fds, sizeof(int) * c->n_fds);
    c->used = sizeof(head) + head.len;
    return 1;
}

int frame_take(struct frame *f, uint32_t i)
{
    return i < f->n_fds ? own_fd_steal(&f->fds[i]) : -1;
}

void frame_done(struct frame *f)
{
    close_all(f->fds, f->n_fds);
    f->n_fds = 0;
}
