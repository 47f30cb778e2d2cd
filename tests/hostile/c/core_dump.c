/* Crashes with much memory: no core file may appear anywhere, no handler may run. */
#include "hostile.h"
int main(void)
{
    memset(malloc(16 << 20), 1, 16 << 20);
    prctl(PR_SET_DUMPABLE, 1);
    abort();
}
