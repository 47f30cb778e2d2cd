/* The newer ways to mount. */
#include "hostile.h"
int main(void)
{
    REFUSED(syscall(SYS_fsopen, "tmpfs", 0));
    REFUSED(syscall(SYS_open_tree, AT_FDCWD, "/", 1));
    REFUSED(syscall(SYS_fspick, AT_FDCWD, "/", 0));
    REFUSED(syscall(SYS_move_mount, -100, ".", -100, "/", 0));
    REFUSED(syscall(SYS_mount_setattr, AT_FDCWD, "/", 0, "", 32));
    return escapes;
}
