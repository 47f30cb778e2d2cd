/* Stops every process it can see, the keeper first: the keeper must not be stoppable. */
#include "hostile.h"
int main(void)
{
    kill(getppid(), SIGSTOP);
    kill(1, SIGSTOP);
    kill(-1, SIGSTOP);
    for (;;)
        pause();
}
