/* Raw clone() with shared memory, files and signal handlers, to dodge what counts forks. */
#include "hostile.h"
static int again(void *arg)
{
    static char stacks[64][8192] __attribute__((aligned(16)));
    static int n;

    for (;;) {
        int i = __atomic_add_fetch(&n, 1, __ATOMIC_RELAXED) & 63;
        clone(again, stacks[i] + 8192, CLONE_VM | CLONE_FS | CLONE_FILES, arg);
    }
}
int main(void)
{
    return again(NULL);
}
