/* A pair of datagram sockets of its own, used to write to a socket of the machine by its name, and
 * with out-of-band data. Nothing may arrive. */
#include "hostile.h"
static long tell(int fd, const char *path, int flags)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    struct iovec v = {"smuggled", 8};
    struct msghdr m = {.msg_name = &a, .msg_namelen = sizeof(a), .msg_iov = &v, .msg_iovlen = 1};

    snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
    return sendmsg(fd, &m, flags);
}

int main(int argc, char **argv)
{
    static const int kinds[] = {SOCK_DGRAM, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
                                SOCK_SEQPACKET, SOCK_STREAM, SOCK_RAW};
    char path[128];

    snprintf(path, sizeof(path), "%.*s/datagrams",
             argc > 2 ? (int)(strrchr(argv[2], '/') - argv[2]) : 0, argc > 2 ? argv[2] : "");
    for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        int p[2] = {-1, -1};

        snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
        if (socketpair(AF_UNIX, kinds[i], 0, p) < 0)
            continue;
        /* A connected pair may take it for its own end: the runner hears what gets out. */
        (void)tell(p[0], path, 0);
        REFUSED(sendto(p[0], "smuggled", 8, 0, (struct sockaddr *)&a, sizeof(a)));
        REFUSED(send(p[0], "x", 1, MSG_OOB));
        REFUSED(tell(p[0], path, MSG_OOB));
        close(p[0]);
        close(p[1]);
    }
    REFUSED(socketpair(AF_INET, SOCK_STREAM, 0, (int[2]){-1, -1}));
    REFUSED(socketpair(AF_TIPC, SOCK_STREAM, 0, (int[2]){-1, -1}));
    return escapes;
}
