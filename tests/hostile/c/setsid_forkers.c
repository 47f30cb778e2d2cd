/* Many sessions and process groups, each forking: killing one group is not enough. */
#include "hostile.h"
int main(void)
{
    for (int i = 0; i < 20; i++)
        if (fork() == 0) {
            setsid();
            if (fork() == 0)
                setpgid(0, 0);
            for (;;)
                pause();
        }
    usleep(20000);
    return 0;
}
