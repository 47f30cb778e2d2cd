/* Sixteen times the limit in files that only a process whose first thread has ended has mapped. */
#include "hostile.h"
enum { PIECE = 8 << 20, FILES = 32 };

static void *take(void *arg)
{
    void *p = arg;
    int n = 0;

    for (; n < FILES && p != MAP_FAILED; n++) {
        int fd = nameless(PIECE);

        p = fd < 0 ? MAP_FAILED : mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
        close(fd);
    }
    /* It may take a moment until that is seen. */
    if (n == FILES)
        sleep(30);
    MUST(n < FILES);
    exit(escapes);
}
int main(void)
{
    pthread_t t;

    pthread_create(&t, NULL, take, NULL);
    pthread_exit(NULL);
}
