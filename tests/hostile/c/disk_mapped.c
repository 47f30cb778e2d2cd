/* Sixteen times the limit in files that were removed and closed, and are only mapped. */
#include "hostile.h"
enum { PIECE = 8 << 20, FILES = 32 };

int main(void)
{
    int n = 0;

    for (void *p = NULL; n < FILES && p != MAP_FAILED; n++) {
        int fd = nameless(PIECE);

        p = fd < 0 ? MAP_FAILED : mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
        close(fd);
    }
    /* It may take a moment until that is seen. */
    if (n == FILES)
        sleep(30);
    MUST(n < FILES);
    return escapes;
}
