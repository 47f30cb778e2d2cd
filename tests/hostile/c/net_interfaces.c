/* Brings an interface up and looks which there are. */
#include "hostile.h"
#include <net/if.h>
int main(void)
{
    struct ifreq r = {.ifr_name = "lo"};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    fd = fd < 0 ? 1 : fd;
    r.ifr_flags = IFF_UP;
    REFUSED(ioctl(fd, 0x8914, &r));
    snprintf(r.ifr_name, sizeof(r.ifr_name), "eth0");
    REFUSED(ioctl(fd, 0x8915, &r));
    return escapes;
}
