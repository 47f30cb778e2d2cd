/* Abstract sockets of the machine, reachable by whoever shares its network namespace. */
#include "hostile.h"
#include <stddef.h>
int main(int argc, char **argv)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    size_t len = argc > 3 ? strlen(argv[3]) : 0;
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    if (len)
        memcpy(a.sun_path + 1, argv[3], len);
    errno = errno ? errno : EPERM;
    report(fd < 0 || connect(fd, (struct sockaddr *)&a,
                             (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len)) < 0,
           "an abstract socket");
    return escapes;
}
