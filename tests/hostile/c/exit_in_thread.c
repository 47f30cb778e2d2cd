/* The first thread ends; another lives on: the run is over only when all are. */
#include "hostile.h"
static void *live(void *arg)
{
    for (;;)
        pause();
    return arg;
}
int main(void)
{
    pthread_t t;

    pthread_create(&t, NULL, live, NULL);
    pthread_exit(NULL);
}
