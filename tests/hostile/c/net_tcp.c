/* Connects to a service on the machine's loopback. */
#include "hostile.h"
#include <arpa/inet.h>
int main(int argc, char **argv)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(argc > 1 ? atoi(argv[1]) : 22),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    errno = errno ? errno : EPERM;
    report(fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0, "a connection");
    if (fd >= 0)
        (void)!write(fd, "HOSTILE\n", 8);
    return escapes;
}
