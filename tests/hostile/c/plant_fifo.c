/* A pipe where an output file is expected: whoever opens it waits for ever. */
#include "hostile.h"
int main(void)
{
    mkfifo("wanted.txt", 0666);
    puts("held: planted");
    return 0;
}
