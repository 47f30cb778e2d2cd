/* Forks without end. The process limit must hold it, and all of it must die at once. */
#include "hostile.h"
int main(void)
{
    for (;;)
        fork();
}
