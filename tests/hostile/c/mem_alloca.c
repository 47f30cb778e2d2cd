/* One frame larger than any stack. */
#include "hostile.h"
#include <alloca.h>
int main(void)
{
    size_t n = (size_t)1 << 31;
    volatile char *p = alloca(n);

    for (size_t i = 0; i < n; i += 4096)
        p[n - 1 - i] = 1;
    return 0;
}
