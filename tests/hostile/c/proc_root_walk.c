/* Walks out through the magic links of /proc. */
#include "hostile.h"
int main(int argc, char **argv)
{
    static const char *const roots[] = {"/proc/1/root", "/proc/1/cwd", "/proc/self/root",
                                        "/proc/thread-self/root", "/proc/2/root"};
    char path[512];

    for (unsigned i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
        snprintf(path, sizeof(path), "%s%s", roots[i], argc > 2 ? argv[2] : "/etc/shadow");
        errno = 0;
        report(show(path) < 0, path);
        snprintf(path, sizeof(path), "%s/etc/shadow", roots[i]);
        report(show(path) < 0, path);
    }
    return escapes;
}
