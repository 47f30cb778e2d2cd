/* 32-bit system calls, whose numbers mean something else: socketcall(), mount(). */
#include "hostile.h"
static long call32(long nr, long a, long b)
{
    long r = -38;

#ifdef __x86_64__
    __asm__ volatile("int $0x80" : "=a"(r) : "a"(nr), "b"(a), "c"(b), "d"(0) : "memory");
#endif
    return r;
}
int main(void)
{
    errno = EPERM;
    report(call32(20, 0, 0) < 0, "32-bit getpid");
    report(call32(102, 1, 0) < 0, "32-bit socketcall");
    report(call32(11, 0, 0) < 0, "32-bit execve");
    return escapes;
}
