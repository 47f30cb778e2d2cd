/* Recursion without end. */
#include "hostile.h"
__attribute__((noinline)) static int down(volatile char *up)
{
    volatile char here[4096];

    here[0] = up ? up[0] : 1;
    return down(here) + here[0];
}
int main(void)
{
    return down(NULL);
}
