/* A device where an output file is expected. */
#include "hostile.h"
#include <sys/sysmacros.h>
int main(void)
{
    mknod("wanted.txt", S_IFCHR | 0666, makedev(1, 5));
    (void)!link("/dev/zero", "wanted.txt");
    puts("held: planted");
    return 0;
}
