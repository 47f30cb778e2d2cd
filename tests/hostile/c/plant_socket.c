/* A socket where an output file is expected. */
#include "hostile.h"
int main(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "wanted.txt"};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    if (fd >= 0)
        (void)!bind(fd, (struct sockaddr *)&a, sizeof(a));
    mknod("wanted.txt", S_IFSOCK | 0666, 0);
    puts("held: planted");
    return 0;
}
