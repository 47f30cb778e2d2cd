/* A directory where an output file is expected. */
#include "hostile.h"
int main(void)
{
    mkdir("wanted.txt", 0777);
    puts("held: planted");
    return 0;
}
