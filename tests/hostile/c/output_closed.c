/* Closes its streams and goes on: the end of output is not the end of the run. */
#include "hostile.h"
int main(void)
{
    close(0);
    close(1);
    close(2);
    for (;;)
        pause();
}
