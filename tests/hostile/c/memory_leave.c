/* Fills memory with a mark and exits: the next program must not find it in fresh memory. */
#include "hostile.h"
int main(void)
{
    char *p = malloc(32 << 20);

    for (int i = 0; i < 32 << 20; i += 16)
        memcpy(p + i, "HOSTILE MARK 123", 16);
    puts("held: left what it could");
    return 0;
}
