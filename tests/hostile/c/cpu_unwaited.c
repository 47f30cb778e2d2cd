/* Burns CPU in a relay of children that nobody waits for, so that their time is in nobody's sum. */
#include "hostile.h"
int main(void)
{
    (void)signal(SIGCHLD, SIG_IGN);
    for (;;) {
        if (fork() == 0) {
            for (clock_t end = clock() + CLOCKS_PER_SEC / 10; clock() < end;)
                ;
            _exit(0);
        }
        wait(NULL);
    }
}
