/* Huge pages, which another counter holds. */
#include "hostile.h"
int main(void)
{
    char *p = mmap(NULL, 1 << 30, PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);

    if (p == MAP_FAILED) {
        report(1, "mmap of huge pages");
        return 0;
    }
    memset(p, 1, 1 << 30);
    report(0, "1 GiB of huge pages");
    return 1;
}
