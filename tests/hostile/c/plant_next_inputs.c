/* CVE-2024-28185: links where the files of the next step will be written, through which they would
 * land on the machine. The next program must get its own files, and nothing may appear outside. */
#include "hostile.h"
int main(int argc, char **argv)
{
    static const char *const names[] = {"main.c", "main.cpp", "main.py", "run_script", "compile",
                                        "stdin", "input.txt", "canary", "probe", "wanted.txt"};

    (void)unlink("main");
    (void)!symlink("/tmp/HOSTILE-MARK", "main");
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        (void)!symlink(i % 2 && argc > 2 ? argv[2] : "/var/tmp/HOSTILE-MARK", names[i]);
    puts("held: planted");
    return 0;
}
