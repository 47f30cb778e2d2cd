/* The x32 interface: the same numbers with bit 30 set pass a careless filter. */
#include "hostile.h"
int main(void)
{
    REFUSED(syscall(0x40000000 | SYS_getpid));
    REFUSED(syscall(0x40000000 | 512));
    REFUSED(syscall(0x40000000 | SYS_socket, AF_INET, SOCK_STREAM, 0));
    REFUSED(syscall(0x40000000 | SYS_ptrace, 0, 0, 0, 0));
    return escapes;
}
