/* Counts the processes in sight: its own, and the keeper at most. */
#include "hostile.h"
#include <dirent.h>
int main(void)
{
    DIR *d = opendir("/proc");
    int n = 0;

    for (struct dirent *e; d && (e = readdir(d));)
        n += e->d_name[0] >= '0' && e->d_name[0] <= '9';
    printf("%d processes in sight\n", n);
    MUST(n <= 2);
    return escapes;
}
