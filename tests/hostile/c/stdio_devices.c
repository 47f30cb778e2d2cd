/* Plays with what its standard streams are: seeks, truncates, reopens for the other way. */
#include "hostile.h"
int main(void)
{
    char c[4096];

    (void)!ftruncate(1, 0);
    (void)!ftruncate(0, 1 << 20);
    lseek(1, 0, SEEK_SET);
    REFUSED(write(0, "x", 1));
    errno = 0;
    fcntl(1, F_SETFL, O_NONBLOCK);
    int fd = open("/proc/self/fd/0", O_WRONLY);
    if (fd >= 0)
        (void)!write(fd, "HOSTILE", 7);
    fd = open("/proc/self/fd/1", O_RDONLY | O_NONBLOCK);
    if (fd >= 0)
        (void)!read(fd, c, sizeof(c));
    puts("held: played");
    return 0;
}
