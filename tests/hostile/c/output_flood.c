/* Output without end. */
#include "hostile.h"
int main(void)
{
    static char chunk[65536];

    memset(chunk, 'x', sizeof(chunk));
    for (;;)
        (void)!write(1, chunk, sizeof(chunk));
}
