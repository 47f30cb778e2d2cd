/* Locks memory, so that it cannot be taken back. */
#include "hostile.h"
int main(void)
{
    for (;;) {
        char *p = mmap(NULL, 1 << 20, PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (p == MAP_FAILED)
            return 1;
        mlock(p, 1 << 20);
        memset(p, 1, 1 << 20);
    }
}
