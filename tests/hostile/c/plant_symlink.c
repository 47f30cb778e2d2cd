/* go-judge #176, CVE-2024-28185: a link to a secret where an output file is expected. */
#include "hostile.h"
int main(int argc, char **argv)
{
    (void)!symlink(argc > 2 ? argv[2] : "/etc/passwd", "wanted.txt");
    puts("held: planted");
    return 0;
}
