/* Error output without end. */
#include "hostile.h"
int main(void)
{
    for (;;)
        (void)!write(2, "eeeeeeeeeeeeeeee", 16);
}
