/* The same in every process it may have. */
#include "hostile.h"
int main(void)
{
    for (int i = 0; i < 60; i++)
        if (fork() == 0) {
            while (dup(0) >= 0)
                ;
            for (;;)
                pause();
        }
    sleep(1);
    puts("held: full");
    return 0;
}
