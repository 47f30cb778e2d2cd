/* Burns CPU in short-lived children, each well below a per-process limit. */
#include "hostile.h"
int main(void)
{
    for (;;) {
        if (fork() == 0) {
            for (clock_t end = clock() + CLOCKS_PER_SEC / 20; clock() < end;)
                ;
            _exit(0);
        }
        wait(NULL);
    }
}
