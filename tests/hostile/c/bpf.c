/* Programs for the kernel. */
#include "hostile.h"
int main(void)
{
    char attr[128] = {0};

    REFUSED(syscall(SYS_bpf, 0, attr, sizeof(attr)));
    REFUSED(syscall(SYS_perf_event_open, attr, 0, -1, -1, 0));
    return escapes;
}
