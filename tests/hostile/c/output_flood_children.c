/* Many writers at once. */
#include "hostile.h"
int main(void)
{
    for (int i = 0; i < 20; i++)
        if (fork() == 0)
            for (;;)
                (void)!write(1, "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy", 32);
    for (;;)
        pause();
}
