/* Opens files until refused: the table of the whole machine must not fill. */
#include "hostile.h"
int main(void)
{
    long n = 0;

    while (n < 1000000 && open("/dev/null", O_RDONLY) >= 0)
        n++;
    printf("%ld descriptors\n", n);
    MUST(n < 100000);
    return escapes;
}
