/* Steals descriptors from other processes. */
#include "hostile.h"
int main(void)
{
    int fd = syscall(SYS_pidfd_open, 1, 0);

    REFUSED(syscall(SYS_pidfd_getfd, fd < 0 ? 3 : fd, 0, 0));
    REFUSED(syscall(SYS_kcmp, 1, getpid(), 0, 0, 0));
    REFUSED(syscall(SYS_process_madvise, fd, NULL, 0, 8, 0));
    return escapes;
}
