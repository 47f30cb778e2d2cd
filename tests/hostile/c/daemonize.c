/* Leaves a double-forked daemon in its own session and exits: the daemon must die with it. */
#include "hostile.h"
int main(void)
{
    if (fork() == 0) {
        setsid();
        if (fork() == 0) {
            for (int i = 0; i < 1024; i++)
                close(i);
            for (;;)
                sleep(1000);
        }
        _exit(0);
    }
    wait(NULL);
    puts("held: parent leaves");
    return 0;
}
