/* More than the limit in two processes, while children of both have their memory too: what is
 * taken for shared is not less than what is there. */
#include "hostile.h"
int main(void)
{
    enum { SIZE = 40 << 20 };
    volatile char *p;

    fork();
    p = malloc(SIZE);
    for (int k = 0; k < SIZE; k += 4096)
        p[k] = 1;
    for (int i = 0; i < 4; i++)
        if (vfork() == 0) {
            sleep(30);
            _exit(0);
        }
    return 0;
}
