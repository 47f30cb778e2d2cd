/* buildkit #6343: makes control groups of its own, outside of the limits it was given. */
#include "hostile.h"
int main(void)
{
    static const char *const tops[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified",
                                       "/sys/fs/cgroup/memory", "/sys/fs/cgroup/pids"};
    char path[128];

    for (unsigned i = 0; i < sizeof(tops) / sizeof(tops[0]); i++) {
        snprintf(path, sizeof(path), "%s/hostile", tops[i]);
        REFUSED(mkdir(path, 0755));
        snprintf(path, sizeof(path), "%s/cgroup.procs", tops[i]);
        REFUSED(open(path, O_WRONLY));
        snprintf(path, sizeof(path), "%s/cgroup.subtree_control", tops[i]);
        REFUSED(open(path, O_WRONLY));
    }
    return escapes;
}
