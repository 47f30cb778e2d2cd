/* Changes the machine through /proc/sys and its neighbours. */
#include "hostile.h"
int main(void)
{
    REFUSED(open("/proc/sys/kernel/core_pattern", O_WRONLY));
    REFUSED(open("/proc/sys/kernel/hostname", O_WRONLY));
    REFUSED(open("/proc/sys/kernel/modprobe", O_WRONLY));
    REFUSED(open("/proc/sys/kernel/randomize_va_space", O_WRONLY));
    REFUSED(open("/proc/sys/vm/overcommit_memory", O_WRONLY));
    REFUSED(open("/proc/sys/fs/binfmt_misc/register", O_WRONLY));
    REFUSED(open("/proc/sys/user/max_user_namespaces", O_WRONLY));
    REFUSED(open("/proc/sysrq-trigger", O_WRONLY));
    REFUSED(open("/proc/irq/0/smp_affinity", O_WRONLY));
    REFUSED(open("/proc/bus/pci/devices", O_WRONLY));
    REFUSED(open("/proc/acpi/ibm", O_WRONLY));
    return escapes;
}
