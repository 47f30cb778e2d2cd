/* The first thread ends; another takes shared memory without end. */
#include "hostile.h"
static void *take(void *arg)
{
    void *p = arg;

    for (int i = 0; i < 4096 && p != MAP_FAILED; i++) {
        p = mmap(NULL, 1 << 20, PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (p != MAP_FAILED)
            memset(p, 1, 1 << 20);
    }
    sleep(1);
    MUST(p == MAP_FAILED);
    exit(escapes);
}
int main(void)
{
    pthread_t t;

    pthread_create(&t, NULL, take, NULL);
    pthread_exit(NULL);
}
