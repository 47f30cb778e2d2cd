/* Each process stays small; together they are far above the limit. */
#include "hostile.h"
int main(void)
{
    for (int i = 0; i < 40; i++)
        if (fork() == 0) {
            volatile char *p = malloc(8 << 20);

            for (int k = 0; k < 8 << 20; k += 4096)
                p[k] = 1;
            for (;;)
                pause();
        }
    for (;;)
        pause();
}
