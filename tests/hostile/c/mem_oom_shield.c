/* Asks not to be killed when memory is out, then takes it all. */
#include "hostile.h"
int main(void)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY);

    if (fd >= 0)
        (void)!write(fd, "-1000", 5);
    for (;;) {
        char *p = malloc(1 << 20);

        if (p)
            memset(p, 1, 1 << 20);
    }
}
