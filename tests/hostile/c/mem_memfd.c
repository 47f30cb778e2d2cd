/* Memory hidden in an anonymous file. */
#include "hostile.h"
int main(void)
{
    static char mib[1 << 20];
    int fd = syscall(SYS_memfd_create, "x", 0);

    if (fd < 0) {
        report(1, "memfd_create");
        return 0;
    }
    memset(mib, 1, sizeof(mib));
    for (int i = 0; i < 1024; i++)
        if (write(fd, mib, sizeof(mib)) < 0) {
            report(1, "write to the memfd");
            return 0;
        }
    report(0, "1 GiB in a memfd");
    return 1;
}
