/* Sixteen times the limit in files that were removed and are open, in processes and in a thread's
 * own table. */
#include "hostile.h"
enum { PIECE = 8 << 20, FILES = 8, CHILDREN = 4 };

static int told[2];

static int hold(void *arg)
{
    int n = 0;

    if (arg && chdir(arg) < 0)
        return 1;
    while (n < FILES && nameless(PIECE) >= 0)
        n++;
    if (write(told[1], &n, sizeof(n)) > 0)
        pause();
    return 0;
}

int main(void)
{
    const int thread = CLONE_VM | CLONE_SIGHAND | CLONE_THREAD; /* and no CLONE_FILES */
    static char stack[65536] __attribute__((aligned(16)));
    char folder[] = "0";
    int n, all = 0, asked = 0;

    if (pipe(told) < 0)
        return 1;
    for (int i = 0; i < CHILDREN; i++) {
        folder[0] = (char)('0' + i);
        if (mkdir(folder, 0700) < 0)
            break;
        asked++;
        if (fork() == 0)
            _exit(hold(folder));
    }
    asked += clone(hold, stack + sizeof(stack), thread, NULL) > 0;
    for (int i = 0; i < asked; i++)
        if (read(told[0], &n, sizeof(n)) == sizeof(n))
            all += n;
    printf("%d files\n", all);
    /* It may take a moment until that is seen. */
    if (all == FILES * (CHILDREN + 1))
        sleep(30);
    MUST(all < FILES * (CHILDREN + 1));
    kill(0, SIGKILL);
    return escapes;
}
