/* A path deeper than anything that walks it by name or by recursion can follow. */
#include "hostile.h"
int main(void)
{
    int i;

    for (i = 0; i < 1000000; i++)
        if (mkdir("d", 0700) < 0 || chdir("d") < 0)
            break;
    MUST(i < 1000000);
    return escapes;
}
