/* Fills the work directory. */
#include "hostile.h"
int main(void)
{
    static char chunk[65536];

    for (int f = 0; f < 4096; f++) {
        char name[32];
        int fd;

        snprintf(name, sizeof(name), "f%d", f);
        fd = open(name, O_CREAT | O_WRONLY, 0600);
        if (fd < 0) {
            report(1, "another file");
            return 0;
        }
        for (int i = 0; i < 8; i++)
            if (write(fd, chunk, sizeof(chunk)) < 0) {
                report(1, "another write");
                return 0;
            }
        close(fd);
    }
    report(0, "2 GiB of files");
    return 1;
}
