/* Reserves a huge file without writing it. */
#include "hostile.h"
int main(void)
{
    int fd = open("big", O_CREAT | O_WRONLY, 0600);

    signal(SIGXFSZ, SIG_IGN);
    REFUSED(posix_fallocate(fd, 0, (off_t)8 << 30) ? -1 : 0);
    REFUSED(ftruncate(fd, (off_t)1 << 50));
    return escapes;
}
