/* Leaves a process whose first thread has ended: the others must die with the run. */
#include "hostile.h"
static int said[2];
static pthread_t first;

static void *live(void *arg)
{
    pthread_join(first, NULL);
    close(said[1]);
    for (;;)
        pause();
    return arg;
}
int main(void)
{
    char byte;

    if (pipe(said) < 0)
        return 1;
    if (fork() == 0) {
        pthread_t t;

        setsid();
        first = pthread_self();
        pthread_create(&t, NULL, live, NULL);
        pthread_exit(NULL);
    }
    close(said[1]);
    if (read(said[0], &byte, 1) == 0)
        puts("held: parent leaves");
    return 0;
}
