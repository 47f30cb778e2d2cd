/* Writes into other processes through /proc. */
#include "hostile.h"
int main(void)
{
    char path[64];

    REFUSED(open("/proc/1/mem", O_RDWR));
    snprintf(path, sizeof(path), "/proc/%d/mem", getppid());
    REFUSED(open(path, O_RDWR));
    REFUSED(open("/proc/kcore", O_RDONLY));
    REFUSED(open("/dev/mem", O_RDONLY));
    REFUSED(open("/dev/kmem", O_RDONLY));
    REFUSED(open("/dev/port", O_RDONLY));
    return escapes;
}
