/* Memory hidden in POSIX shared memory. */
#include "hostile.h"
int main(void)
{
    static char mib[1 << 20];
    int fd = open("/dev/shm/hostile", O_CREAT | O_RDWR, 0666);

    if (fd < 0) {
        report(1, "a file in /dev/shm");
        return 0;
    }
    memset(mib, 1, sizeof(mib));
    for (int i = 0; i < 1024; i++)
        if (write(fd, mib, sizeof(mib)) < 0) {
            report(1, "write to /dev/shm");
            return 0;
        }
    report(0, "1 GiB in /dev/shm");
    return 1;
}
