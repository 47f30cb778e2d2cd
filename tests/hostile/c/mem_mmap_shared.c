/* Shared anonymous memory, which some limits do not count. */
#include "hostile.h"
int main(void)
{
    for (;;) {
        char *p = mmap(NULL, 1 << 20, PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

        if (p == MAP_FAILED)
            return 1;
        memset(p, 1, 1 << 20);
    }
}
