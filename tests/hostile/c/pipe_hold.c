/* Holds the lock of its own output's pipe while it waits for a socket that nobody writes to: whoever
 * reads the pipe would wait with it. */
#include "hostile.h"
#include <pthread.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
static int pair[2];
static void *hold(void *how)
{
    static char some[20000];

    (void)!write(1, some, sizeof(some));
    if (how)
        (void)splice(pair[0], NULL, 1, NULL, 4096, 0);
    else
        (void)sendfile(1, pair[0], NULL, 4096);
    return NULL;
}
int main(void)
{
    pthread_t t;

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
        return 1;
    pthread_create(&t, NULL, hold, NULL);
    pthread_create(&t, NULL, hold, pair);
    for (;;)
        pause();
}
