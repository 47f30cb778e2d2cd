/* Children that nobody waits for: zombies must be gone when the run is. */
#include "hostile.h"
int main(void)
{
    signal(SIGCHLD, SIG_DFL);
    for (int i = 0; i < 1000; i++)
        if (fork() == 0)
            _exit(0);
    puts("held: left its zombies");
    return 0;
}
