/* Looks for capabilities that a program it executes could be given. */
#include "hostile.h"
int main(void)
{
    for (int cap = 0; cap < 40; cap++)
        MUST(prctl(PR_CAPBSET_READ, cap, 0, 0, 0) != 1);
    return escapes != 0;
}
