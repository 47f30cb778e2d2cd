/* Fills the process limit with sleepers that ignore every signal, then waits for ever. */
#include "hostile.h"
int main(void)
{
    for (int i = 1; i < 65; i++)
        signal(i, SIG_IGN);
    while (fork() >= 0)
        ;
    for (;;)
        pause();
}
