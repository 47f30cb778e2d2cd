/* Uses no CPU at all and never ends. */
#include "hostile.h"
int main(void)
{
    for (;;)
        pause();
}
