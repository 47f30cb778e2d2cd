/* Queues real-time signals to itself until the kernel refuses. */
#include "hostile.h"
int main(void)
{
    sigset_t all;
    long n = 0;

    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    while (sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 1}) == 0 && n < 10000000)
        n++;
    MUST(n < 10000000);
    return escapes;
}
