/* File locks without end. */
#include "hostile.h"
int main(void)
{
    int fd = open("locks", O_CREAT | O_RDWR, 0600);
    long n = 0;

    for (; n < 10000000; n++) {
        struct flock l = {.l_type = F_WRLCK, .l_start = n * 2, .l_len = 1};

        if (fcntl(fd, F_SETLK, &l) < 0)
            break;
    }
    MUST(n < 10000000);
    return escapes;
}
