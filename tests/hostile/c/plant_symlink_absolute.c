/* The same to a file of the machine that every machine has. */
#include "hostile.h"
int main(void)
{
    (void)!symlink("/etc/hostname", "wanted.txt");
    puts("held: planted");
    return 0;
}
