/* Changes the size and mode of the pipe it was given. */
#include "hostile.h"
int main(void)
{
    static char chunk[65536];

    fcntl(1, F_SETPIPE_SZ, 1 << 20);
    fcntl(1, F_SETPIPE_SZ, 4096);
    fcntl(1, F_SETFL, O_NONBLOCK | O_DIRECT);
    for (;;)
        (void)!write(1, chunk, sizeof(chunk));
}
