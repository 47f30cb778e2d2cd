/* The machine's hardware and cgroups through /sys. */
#include "hostile.h"
int main(void)
{
    REFUSED(open("/sys/fs/cgroup/memory/memory.limit_in_bytes", O_WRONLY));
    REFUSED(open("/sys/fs/cgroup/cgroup.procs", O_WRONLY));
    REFUSED(open("/sys/fs/cgroup/memory/cgroup.procs", O_WRONLY));
    REFUSED(open("/sys/kernel/uevent_helper", O_WRONLY));
    REFUSED(open("/sys/power/state", O_WRONLY));
    REFUSED(open("/sys/kernel/debug/x", O_WRONLY));
    REFUSED(open("/sys/class/net", O_RDONLY | O_DIRECTORY));
    return escapes;
}
