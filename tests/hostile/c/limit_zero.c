/* Judge0 1.13.0: a limit of 0 meant for ever. The runner asks for 0; this never ends. */
#include "hostile.h"
int main(void)
{
    for (;;)
        pause();
}
