/* Touches memory without end. */
#include "hostile.h"
int main(void)
{
    for (;;) {
        char *p = malloc(1 << 20);

        if (p)
            memset(p, 1, 1 << 20);
    }
}
