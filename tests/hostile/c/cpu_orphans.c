/* Burns CPU in processes that are nobody's children and never waited for. */
#include "hostile.h"
int main(void)
{
    for (int i = 0; i < 4; i++)
        if (fork() == 0) {
            setsid();
            if (fork() == 0)
                for (;;)
                    ;
            _exit(0);
        }
    for (;;)
        pause();
}
