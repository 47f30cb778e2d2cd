/* Descriptors parked inside sockets inside sockets, where no table counts them. */
#include "hostile.h"
int main(void)
{
    long parked = 0;

    for (int i = 0; i < 100000; i++) {
        char control[CMSG_SPACE(sizeof(int))] = {0};
        struct iovec iov = {"x", 1};
        struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
                           .msg_controllen = sizeof(control)};
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        int fds[2];

        if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, fds) < 0)
            break;
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &fds[1], sizeof(int));
        if (sendmsg(fds[0], &m, 0) < 0)
            break;
        close(fds[1]);
        parked++;
    }
    MUST(parked < 100000);
    return escapes;
}
