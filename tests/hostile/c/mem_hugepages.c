/* Huge pages, which another counter holds, or none: there are no such pages, whatever the host
 * has. */
#include "hostile.h"
#include <linux/memfd.h>
#define SIZE(log2) ((log2) << MAP_HUGE_SHIFT)

static void map(int flags, int fd)
{
    char *p = mmap(NULL, 1 << 21, PROT_WRITE, flags | MAP_HUGETLB, fd, 0);

    report(p == MAP_FAILED && errno == EINVAL, "mmap of huge pages");
    if (p != MAP_FAILED)
        memset(p, 1, 1 << 21);
}

int main(void)
{
    const int sizes[] = {0, SIZE(21), SIZE(30), SIZE(16), SIZE(63)};

    for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        map(MAP_PRIVATE | MAP_ANONYMOUS | sizes[i], -1);
        map(MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE | sizes[i], -1);
        map(MAP_PRIVATE | sizes[i], 0);
        errno = 0;
        long fd = syscall(SYS_memfd_create, "x", MFD_HUGETLB | sizes[i]);
        report(fd < 0 && (errno == EINVAL || errno == EPERM), "memfd of huge pages");
    }
    REFUSED(syscall(SYS_shmget, 0, 1 << 21, 04000 /* SHM_HUGETLB */ | 0600));
    return 0;
}
