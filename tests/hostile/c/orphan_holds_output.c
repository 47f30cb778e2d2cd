/* The orphan keeps standard output open: the end must not wait for it to close. */
#include "hostile.h"
int main(void)
{
    if (fork() == 0) {
        setsid();
        for (;;)
            pause();
    }
    puts("held: parent leaves");
    return 0;
}
