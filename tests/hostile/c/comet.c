/* A chain in which each process forks the next and dies: a chase by pid never catches it. */
#include "hostile.h"
int main(void)
{
    for (;;) {
        if (fork() > 0)
            _exit(0);
        setsid();
    }
}
