/* One file larger than a file may be: SIGXFSZ. */
#include "hostile.h"
int main(void)
{
    static char chunk[65536];
    int fd = open("big", O_CREAT | O_WRONLY, 0600);

    for (;;)
        if (write(fd, chunk, sizeof(chunk)) < 0)
            return 1;
}
