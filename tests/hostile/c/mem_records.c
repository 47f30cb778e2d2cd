/* Little memory, and many mappings of one page in many processes: the kernel's records of them are
 * memory of no process. */
#include "hostile.h"
int main(void)
{
    enum { MAPPINGS = 65000, CHILDREN = 24 };
    char *p = mmap(NULL, MAPPINGS * 4096L, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int children = 0;

    if (p == MAP_FAILED)
        return 0;
    for (long i = 0; i < MAPPINGS; i += 2)
        if (mprotect(p + i * 4096, 4096, PROT_READ) < 0)
            return 0;
    for (pid_t pid = 0; children < CHILDREN && (pid = fork()) >= 0; children++)
        if (pid == 0) {
            pause();
            _exit(0);
        }
    /* It may take a moment until that is seen. */
    if (children == CHILDREN)
        sleep(30);
    MUST(children < CHILDREN);
    kill(0, SIGKILL);
    return escapes;
}
