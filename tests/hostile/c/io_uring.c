/* io_uring does what a filter on system calls cannot see: isolate 2.5. */
#include "hostile.h"
int main(void)
{
    char params[256] = {0};

    REFUSED(syscall(SYS_io_uring_setup, 8, params));
    REFUSED(syscall(SYS_io_uring_register, 0, 0, NULL, 0));
    REFUSED(syscall(SYS_io_uring_enter, 0, 1, 0, 0, NULL, 0));
    return escapes;
}
