/* The classic way out of a container: a cgroup mount with a release agent. */
#include "hostile.h"
int main(void)
{
    mkdir("cg", 0700);
    REFUSED(mount("cgroup", "cg", "cgroup", 0, "rdma"));
    REFUSED(mount("cgroup2", "cg", "cgroup2", 0, NULL));
    REFUSED(open("cg/release_agent", O_WRONLY));
    return escapes;
}
