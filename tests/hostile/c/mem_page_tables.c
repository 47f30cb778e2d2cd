/* One page of each two MiB: little memory, much page table. */
#include "hostile.h"
int main(void)
{
    size_t span = (size_t)1 << 44;
    char *p = mmap(NULL, span, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    volatile char sum = 0;

    if (p == MAP_FAILED) {
        report(1, "mmap of 16 TiB");
        return 0;
    }
    for (size_t i = 0; i < span; i += 2 << 20)
        sum += p[i];
    report(0, "page tables of 16 TiB");
    return 1;
}
