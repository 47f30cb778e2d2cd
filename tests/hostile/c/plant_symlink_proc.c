/* A link to a magic link: the keeper's own descriptors. */
#include "hostile.h"
int main(void)
{
    (void)!symlink("/proc/self/environ", "wanted.txt");
    puts("held: planted");
    return 0;
}
