/* vfork() children that share memory and never exec. */
#include "hostile.h"
int main(void)
{
    for (;;)
        if (vfork() == 0)
            for (;;)
                if (vfork() < 0)
                    pause();
}
