/* Makes the read-only root writable. */
#include "hostile.h"
int main(void)
{
    REFUSED(mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND, NULL));
    REFUSED(mount("none", ".", "tmpfs", 0, NULL));
    REFUSED(mount("none", "/proc", "proc", 0, NULL));
    REFUSED(umount2(".", MNT_DETACH));
    REFUSED(umount2("/", MNT_DETACH));
    REFUSED(umount2("/proc", MNT_DETACH));
    return escapes;
}
