/* What no C program is seen to need, and every one could do before its list was traced: locked
 * memory, other users, owners, attributes, keys of memory, options of sockets. */
#include "hostile.h"
#include <sys/fsuid.h>
#include <sys/xattr.h>
int main(void)
{
    char text[64] = "";
    int p[2];

    REFUSED(mlock(text, sizeof(text)));
    REFUSED(mlockall(MCL_CURRENT));
    REFUSED(munlockall());
    REFUSED(setuid(getuid()));
    REFUSED(setgid(getgid()));
    REFUSED(setresuid(getuid(), getuid(), getuid()));
    REFUSED(setresgid(getgid(), getgid(), getgid()));
    REFUSED(setreuid(getuid(), getuid()));
    REFUSED(syscall(SYS_setfsuid, getuid()));
    REFUSED(chown(".", getuid(), getgid()));
    REFUSED(lchown(".", getuid(), getgid()));
    REFUSED(listxattr(".", text, sizeof(text)));
    REFUSED(getxattr(".", "user.x", text, sizeof(text)));
    REFUSED(syscall(SYS_pkey_alloc, 0, 0));
    REFUSED(syscall(SYS_memfd_create, "x", 0));
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, p) == 0)
        REFUSED(setsockopt(p[0], SOL_SOCKET, SO_SNDBUF, &(int){1 << 24}, sizeof(int)));
    REFUSED(syscall(SYS_epoll_wait_old, 0, 0, 0));
    return escapes;
}
