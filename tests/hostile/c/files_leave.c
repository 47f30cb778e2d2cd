/* Leaves files everywhere it can write. */
#include "hostile.h"
int main(void)
{
    static const char *const paths[] = {"HOSTILE-MARK", "/tmp/HOSTILE-MARK",
                                        "/var/tmp/HOSTILE-MARK", "/dev/shm/HOSTILE-MARK",
                                        "/run/HOSTILE-MARK", "/dev/HOSTILE-MARK", "/HOSTILE-MARK",
                                        ".profile", "sitecustomize.py"};

    for (unsigned i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        int fd = open(paths[i], O_CREAT | O_WRONLY, 0666);

        if (fd >= 0)
            (void)!write(fd, "HOSTILE MARK", 12);
    }
    puts("held: left what it could");
    return 0;
}
