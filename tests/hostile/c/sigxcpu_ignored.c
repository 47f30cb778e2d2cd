/* Ignores the signals a soft limit sends. */
#include "hostile.h"
int main(void)
{
    signal(SIGXCPU, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGALRM, SIG_IGN);
    for (;;)
        ;
}
