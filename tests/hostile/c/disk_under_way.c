/* Sixteen times the limit in files that were removed and closed, and are on their way in a socket
 * that is on its way in another. */
#include "hostile.h"
enum { PIECE = 8 << 20, FILES = 32 };

static int send_off(int to, int fd)
{
    char control[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec iov = {"x", 1};
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = control,
                       .msg_controllen = sizeof(control)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);

    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &fd, sizeof(int));
    int r = sendmsg(to, &m, MSG_DONTWAIT) == 1 ? 0 : -1;
    close(fd);
    return r;
}

int main(void)
{
    int inner[2], outer[2], n = 0;

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, inner) < 0 ||
        socketpair(AF_UNIX, SOCK_STREAM, 0, outer) < 0)
        return 1;
    for (int fd; n < FILES && (fd = nameless(PIECE)) >= 0 && send_off(inner[0], fd) == 0; n++)
        ;
    send_off(outer[0], inner[1]);
    /* It may take a moment until that is seen. */
    if (n == FILES)
        sleep(30);
    MUST(n < FILES);
    return escapes;
}
