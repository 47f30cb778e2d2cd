/* Not hostile: more than half of its limit, and children that take their time until they execute
 * something. Until then they have their parent's memory, and it is there once. */
#include "hostile.h"
int main(int argc, char **argv)
{
    enum { SIZE = 40 << 20, CHILDREN = 5 };
    const struct timespec moment = {.tv_nsec = 150000000};
    volatile char *p = malloc(SIZE);
    int bad = 0, status;

    if (argc < 2)
        return 0;
    for (int k = 0; k < SIZE; k += 4096)
        p[k] = 1;
    for (int i = 0; i < CHILDREN; i++) {
        pid_t pid = vfork();

        if (pid == 0) {
            nanosleep(&moment, NULL);
            execl(argv[0], argv[0], NULL);
            _exit(1);
        }
        bad |= pid < 0 || waitpid(pid, &status, 0) != pid || status;
    }
    return bad;
}
