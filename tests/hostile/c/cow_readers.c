/* Not hostile: many read what they all share, below the limit. That it could not be told at once how
 * much is shared must not be held against it. */
#include "hostile.h"
int main(void)
{
    enum { SIZE = 40 << 20, READERS = 40 };
    volatile char *p = malloc(SIZE);
    int bad = 0, status;

    for (int k = 0; k < SIZE; k += 4096)
        p[k] = 1;
    for (int i = 0; i < READERS; i++)
        if (fork() == 0) {
            for (clock_t end = clock() + CLOCKS_PER_SEC / 50; clock() < end;)
                for (int k = 0; k < SIZE; k += 4096)
                    (void)p[k];
            _exit(0);
        }
    while (wait(&status) > 0)
        bad |= status;
    return bad != 0;
}
