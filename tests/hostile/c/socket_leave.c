/* Leaves an abstract socket and a process that answers on it. */
#include "hostile.h"
int main(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "\0HOSTILE-MARK"};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    if (fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
        listen(fd, 1);
    if (fork() == 0) {
        setsid();
        for (;;)
            pause();
    }
    puts("held: left what it could");
    return 0;
}
