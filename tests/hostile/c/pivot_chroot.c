/* Changes the root to get at what is above it. */
#include "hostile.h"
int main(void)
{
    int fd = open("/", O_RDONLY | O_DIRECTORY);

    mkdir("jail", 0700);
    REFUSED(chroot("jail"));
    REFUSED(syscall(SYS_pivot_root, ".", "jail"));
    MUST(fchdir(fd) == 0 && access("..", F_OK) == 0);
    for (int i = 0; i < 64; i++)
        (void)!chdir("..");
    errno = 0;
    report(access("root/.bashrc", F_OK) < 0 && access("var/lib/dpkg", F_OK) < 0, "outside of /");
    return escapes;
}
