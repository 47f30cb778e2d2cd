/* Sets timers that must not fire after it is gone. */
#include "hostile.h"
int main(void)
{
    struct itimerval it = {{0, 1000}, {0, 1000}};

    signal(SIGALRM, SIG_IGN);
    setitimer(ITIMER_REAL, &it, NULL);
    setitimer(ITIMER_PROF, &it, NULL);
    signal(SIGPROF, SIG_IGN);
    alarm(1);
    puts("held: ticking");
    return 0;
}
