/* Floods the keeper with every signal there is. */
#include "hostile.h"
int main(void)
{
    for (int i = 0; i < 2000; i++)
        for (int s = 1; s < 65; s++) {
            kill(1, s);
            if (getppid() > 1)
                kill(getppid(), s);
        }
    puts("held: storm is over");
    return 0;
}
