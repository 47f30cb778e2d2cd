/* Threads until the limit, each spinning: limit and CPU time must cover threads. */
#include "hostile.h"
static void *spin(void *arg)
{
    for (;;)
        ;
    return arg;
}
int main(void)
{
    pthread_attr_t a;
    pthread_t t;

    pthread_attr_init(&a);
    pthread_attr_setstacksize(&a, 16384);
    for (;;)
        pthread_create(&t, &a, spin, NULL);
}
