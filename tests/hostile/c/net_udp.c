/* Sends datagrams to the machine and to the world. */
#include "hostile.h"
#include <arpa/inet.h>
int main(int argc, char **argv)
{
    static const char *const hosts[] = {"127.0.0.1", "10.0.0.1", "8.8.8.8", "169.254.169.254",
                                        "255.255.255.255"};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    for (unsigned i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        struct sockaddr_in a = {.sin_family = AF_INET,
                                .sin_port = htons(argc > 1 ? atoi(argv[1]) : 53)};

        inet_pton(AF_INET, hosts[i], &a.sin_addr);
        errno = 0;
        report(sendto(fd < 0 ? 99 : fd, "HOSTILE", 7, 0, (struct sockaddr *)&a, sizeof(a)) < 0,
               hosts[i]);
    }
    return escapes;
}
