/* Stops itself: a process that is stopped must still meet its wall time. */
#include "hostile.h"
int main(void)
{
    raise(SIGSTOP);
    for (;;)
        pause();
}
