/* A hard link to a file of the toolchain or the machine. */
#include "hostile.h"
int main(int argc, char **argv)
{
    (void)!link("/etc/passwd", "wanted.txt");
    (void)!link(argc > 2 ? argv[2] : "/etc/shadow", "wanted.txt");
    (void)!linkat(AT_FDCWD, "/proc/1/exe", AT_FDCWD, "wanted.txt", AT_SYMLINK_FOLLOW);
    puts("held: planted");
    return 0;
}
