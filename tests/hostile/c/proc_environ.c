/* Looks for secrets in every environment and command line it can see. */
#include "hostile.h"
int main(void)
{
    for (int pid = 0; pid < 2000; pid++) {
        char path[64];

        if (pid == getpid())
            continue;
        snprintf(path, sizeof(path), "/proc/%d/environ", pid);
        if (show(path) > 0)
            report(0, path);
        snprintf(path, sizeof(path), "/proc/%d/maps", pid);
        if (show(path) > 0)
            report(0, path);
    }
    extern char **environ;
    for (char **e = environ; *e; e++)
        puts(*e);
    puts("held: looked");
    return escapes;
}
