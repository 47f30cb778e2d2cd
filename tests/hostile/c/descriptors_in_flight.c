/* As many descriptors on their way as there may be, and then more than its time: others are not to
 * be out of reach for it, nor its own limits. */
#include "hostile.h"
#include <sys/socket.h>
#include <sys/uio.h>
enum { MANY = 250, PAIRS = 30, TIMES = 200 };
static int fill(int to)
{
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(MANY * sizeof(int))];
    } c;
    struct iovec v = {"x", 1};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = &c};

    memset(&c, 0, sizeof(c));
    m.msg_controllen = sizeof(c);
    c.head.cmsg_level = SOL_SOCKET;
    c.head.cmsg_type = SCM_RIGHTS;
    c.head.cmsg_len = CMSG_LEN(MANY * sizeof(int));
    for (int i = 0; i < TIMES; i++)
        if (sendmsg(to, &m, MSG_DONTWAIT) < 0)
            return errno;
    return 0;
}
int main(void)
{
    int pair[2];

    for (int i = 0; i < PAIRS && socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0; i++)
        if (fill(pair[0]) == ETOOMANYREFS)
            break;
    for (;;)
        pause();
}
