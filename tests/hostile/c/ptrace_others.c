/* Takes hold of other processes. */
#include "hostile.h"
#include <sys/uio.h>
int main(void)
{
    char c;
    struct iovec here = {&c, 1}, there = {(void *)0x400000, 1};

    REFUSED(ptrace(PTRACE_ATTACH, 1, NULL, NULL));
    REFUSED(ptrace(PTRACE_SEIZE, getppid(), NULL, NULL));
    REFUSED(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
    REFUSED(process_vm_readv(1, &here, 1, &there, 1, 0));
    REFUSED(process_vm_writev(getppid(), &here, 1, &there, 1, 0));
    return escapes;
}
