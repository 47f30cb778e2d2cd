/* Enters namespaces of others. */
#include "hostile.h"
int main(void)
{
    static const char *const ns[] = {"mnt", "pid", "net", "user", "uts", "ipc", "cgroup"};
    char path[64];

    for (unsigned i = 0; i < sizeof(ns) / sizeof(ns[0]); i++) {
        int fd;

        snprintf(path, sizeof(path), "/proc/1/ns/%s", ns[i]);
        fd = open(path, O_RDONLY);
        errno = 0;
        report(setns(fd < 0 ? 0 : fd, 0) < 0, path);
    }
    return escapes;
}
