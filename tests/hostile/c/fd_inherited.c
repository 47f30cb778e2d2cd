/* Descriptors left open by whoever started it: only 0, 1 and 2 may be. */
#include "hostile.h"
int main(void)
{
    for (int fd = 3; fd < 65536; fd++)
        if (fcntl(fd, F_GETFD) >= 0) {
            char path[64], to[256] = "";

            snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
            (void)!readlink(path, to, sizeof(to) - 1);
            printf("fd %d is %s\n", fd, to);
            report(0, "an inherited descriptor");
        }
    puts("held: looked");
    return escapes;
}
