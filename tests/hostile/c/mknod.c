/* Makes device files. */
#include "hostile.h"
#include <sys/sysmacros.h>
int main(void)
{
    REFUSED(mknod("mem", S_IFCHR | 0666, makedev(1, 1)));
    REFUSED(mknod("disk", S_IFBLK | 0666, makedev(254, 0)));
    REFUSED(mknod("/dev/mem", S_IFCHR | 0666, makedev(1, 1)));
    return escapes;
}
