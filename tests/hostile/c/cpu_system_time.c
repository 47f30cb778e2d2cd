/* Burns system time, not user time. */
#include "hostile.h"
int main(void)
{
    char buf[65536];
    int fd = open("/dev/zero", O_RDONLY);

    for (;;)
        if (read(fd, buf, sizeof(buf)) < 0)
            fd = open("/dev/urandom", O_RDONLY);
}
