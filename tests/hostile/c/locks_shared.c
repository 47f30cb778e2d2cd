/* A lock on a file others read too: the toolchain must not carry messages (isolate 2.4). */
#include "hostile.h"
#include <sys/file.h>
int main(void)
{
    static const char *const paths[] = {"/usr/lib", "/", "/dev/null", "/proc", "/etc/passwd"};

    for (unsigned i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        int fd = open(paths[i], O_RDONLY);

        if (fd >= 0)
            flock(fd, LOCK_EX | LOCK_NB);
    }
    if (fork() == 0) {
        setsid();
        for (;;)
            pause();
    }
    puts("held: locked what it could");
    return 0;
}
