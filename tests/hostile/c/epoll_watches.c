/* All the watches of epoll that a user may have, the node's and the keepers' among them: they are
 * the kernel's memory, and who can have no more of them takes no connections. */
#include "hostile.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>
enum { EACH = 500, CHILDREN = 4, MANY = 500000 };

static long watch_all(void)
{
    int events[EACH], polls[EACH], n = 0, m = 0;
    struct epoll_event e = {.events = EPOLLIN};
    long watches = 0;

    while (n < EACH && (events[n] = eventfd(0, 0)) >= 0)
        n++;
    while (m < EACH && (polls[m] = epoll_create1(0)) >= 0)
        m++;
    for (int i = 0; i < m; i++)
        for (int k = 0; k < n; k++, watches++)
            if (epoll_ctl(polls[i], EPOLL_CTL_ADD, events[k], &e) < 0)
                return watches;
    return watches;
}

int main(void)
{
    pid_t children[CHILDREN];
    long watches, all = 0;
    int told[2];

    if (pipe(told) < 0)
        return 1;
    for (int i = 0; i < CHILDREN; i++) {
        children[i] = fork();
        if (children[i] != 0)
            continue;
        watches = watch_all();
        if (write(told[1], &watches, sizeof(watches)) > 0)
            pause();
        _exit(0);
    }
    for (int i = 0; i < CHILDREN; i++)
        if (read(told[0], &watches, sizeof(watches)) == sizeof(watches))
            all += watches;
    printf("%ld watches\n", all);
    MUST(all > 0);
    MUST(all < MANY);
    for (int i = 0; i < CHILDREN; i++)
        kill(children[i], SIGKILL);
    return escapes;
}
