/* POSIX timers without end, each holding kernel memory. */
#include "hostile.h"
int main(void)
{
    timer_t t;
    long n = 0;

    while (n < 1000000 && timer_create(CLOCK_MONOTONIC, NULL, &t) == 0)
        n++;
    MUST(n < 1000000);
    return escapes;
}
