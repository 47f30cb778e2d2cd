/* Tries to write where the system is. */
#include "hostile.h"
int main(void)
{
    static const char *const dirs[] = {"/", "/usr", "/usr/lib", "/usr/bin", "/etc", "/dev", "/proc",
                                       "/proc/sys", "/sys", "/root", "/home", "/var", "/run", "/lib",
                                       "/bin", "/opt", "/mnt", "/boot"};

    for (unsigned i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
        char path[64];

        snprintf(path, sizeof(path), "%s/hostile", dirs[i]);
        errno = 0;
        report(open(path, O_CREAT | O_WRONLY, 0600) < 0, path);
    }
    return escapes;
}
