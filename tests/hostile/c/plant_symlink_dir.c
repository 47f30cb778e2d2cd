/* A directory on the way to the output file is a link. */
#include "hostile.h"
int main(int argc, char **argv)
{
    char dir[256];

    snprintf(dir, sizeof(dir), "%s", argc > 2 ? argv[2] : "/etc/passwd");
    *strrchr(dir, '/') = '\0';
    (void)!symlink(dir, "folder");
    (void)!symlink("/etc", "wanted.d");
    puts("held: planted");
    return 0;
}
