/* Tells the keeper its child is gone: SIGCHLD with a made-up sender. */
#include "hostile.h"
int main(void)
{
    siginfo_t si;

    memset(&si, 0, sizeof(si));
    si.si_signo = SIGCHLD;
    si.si_code = CLD_EXITED;
    si.si_pid = getpid();
    for (int i = 0; i < 1000; i++)
        syscall(SYS_rt_sigqueueinfo, getppid() ? getppid() : 1, SIGCHLD, &si);
    sleep(1);
    puts("held: ran to its end");
    return 7;
}
