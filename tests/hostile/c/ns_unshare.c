/* New namespaces, each a door to more of the kernel. */
#include "hostile.h"
int main(void)
{
    REFUSED(unshare(CLONE_NEWUSER));
    REFUSED(unshare(CLONE_NEWNS));
    REFUSED(unshare(CLONE_NEWNET));
    REFUSED(unshare(CLONE_NEWPID));
    REFUSED(unshare(CLONE_NEWIPC));
    REFUSED(unshare(CLONE_NEWUTS));
    REFUSED(unshare(CLONE_NEWCGROUP));
    REFUSED(unshare(0x80));
    return escapes;
}
