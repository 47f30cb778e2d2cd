/* Watches and instances of inotify, counted per user of the whole machine. */
#include "hostile.h"
#include <sys/inotify.h>
int main(void)
{
    long n = 0;

    while (n < 100000 && inotify_init1(0) >= 0)
        n++;
    MUST(n < 100000);
    return escapes;
}
