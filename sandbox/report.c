/* SPDX-License-Identifier: MPL-2.0 */
#include "sandbox/report.h"

#include <errno.h>
#include <sys/socket.h>

union control {
    struct cmsghdr align;
    char room[CMSG_SPACE(sizeof(int))];
};

int report_send(int sock, const struct report *r, int fd)
{
    union control ctl;
    struct iovec iov = {(void *)(uintptr_t)r, sizeof(*r)};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    ssize_t n;

    if (fd >= 0) {
        memset(&ctl, 0, sizeof(ctl));
        msg.msg_control = ctl.room;
        msg.msg_controllen = sizeof(ctl.room);
        struct cmsghdr *cm = CMSG_FIRSTHDR(&msg);
        cm->cmsg_level = SOL_SOCKET;
        cm->cmsg_type = SCM_RIGHTS;
        cm->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(cm), &fd, sizeof(fd));
    }
    do
        n = sendmsg(sock, &msg, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : 0;
}

int report_fd(int sock, enum report_what what, int fd)
{
    struct report r;

    memset(&r, 0, sizeof(r));
    r.what = what;
    return report_send(sock, &r, fd);
}

int report_read(int sock, struct report *ret, int *ret_fd)
{
    union control ctl;
    struct iovec iov = {ret, sizeof(*ret)};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = ctl.room,
                         .msg_controllen = sizeof(ctl.room)};
    ssize_t n;

    *ret_fd = -1;
    do
        n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN)
        return 0;
    struct cmsghdr *cm = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;
    if (cm && cm->cmsg_type == SCM_RIGHTS)
        memcpy(ret_fd, CMSG_DATA(cm), sizeof(*ret_fd));
    if (n == (ssize_t)sizeof(*ret)) {
        ret->text[sizeof(ret->text) - 1] = '\0';
        return 1;
    }
    if (*ret_fd >= 0)
        (void)close(*ret_fd);
    *ret_fd = -1;
    return -EPIPE;
}
