/* Keeps an output file mapped, to change it while it is being read. */
#include "hostile.h"
int main(void)
{
    int fd = open("wanted.txt", O_CREAT | O_RDWR, 0666);
    volatile char *p;

    (void)!ftruncate(fd, 65536);
    p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fork() == 0) {
        setsid();
        for (unsigned i = 0;; i++) {
            p[i & 65535] = (char)i;
            (void)!ftruncate(fd, i & 1 ? 65536 : 0);
        }
    }
    usleep(20000);
    puts("held: planted");
    return 0;
}
