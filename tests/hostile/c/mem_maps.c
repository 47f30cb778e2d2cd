/* Mappings without end, each with its own kernel record. */
#include "hostile.h"
int main(void)
{
    long n = 0;

    while (n < 1000000 && mmap(NULL, 4096, n & 1 ? PROT_READ : PROT_NONE,
                               MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
        n++;
    MUST(n < 1000000);
    return escapes;
}
