/* A sparse output file of a terabyte. */
#include "hostile.h"
int main(void)
{
    int fd = open("wanted.txt", O_CREAT | O_WRONLY, 0666);

    signal(SIGXFSZ, SIG_IGN);
    for (int shift = 40; shift > 10 && ftruncate(fd, (off_t)1 << shift) < 0; shift--)
        ;
    puts("held: planted");
    return 0;
}
