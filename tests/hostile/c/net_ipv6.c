/* The same over IPv6. */
#include "hostile.h"
#include <netinet/in.h>
int main(int argc, char **argv)
{
    struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT,
                             .sin6_port = htons(argc > 1 ? atoi(argv[1]) : 22)};
    int fd = socket(AF_INET6, SOCK_STREAM, 0);

    errno = errno ? errno : EPERM;
    report(fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0, "an IPv6 connection");
    return escapes;
}
