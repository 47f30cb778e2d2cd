/* Empty files without end. */
#include "hostile.h"
int main(void)
{
    char name[32];
    int i;

    for (i = 0; i < 1000000; i++) {
        int fd;

        snprintf(name, sizeof(name), "i%d", i);
        fd = open(name, O_CREAT | O_WRONLY, 0600);
        if (fd < 0)
            break;
        close(fd);
    }
    MUST(i < 1000000);
    return escapes;
}
