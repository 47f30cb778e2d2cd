/* userfaultfd holds the kernel still in the middle of a copy. */
#include "hostile.h"
int main(void)
{
    REFUSED(syscall(SYS_userfaultfd, O_CLOEXEC));
    REFUSED(syscall(SYS_userfaultfd, O_CLOEXEC | 1));
    REFUSED(open("/dev/userfaultfd", O_RDWR));
    return escapes;
}
