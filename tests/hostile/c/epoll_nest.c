/* Epoll inside epoll inside epoll, whose walk is exponential. */
#include "hostile.h"
#include <sys/epoll.h>
int main(void)
{
    int last = epoll_create1(0);

    for (int i = 0; i < 4000; i++) {
        int e = epoll_create1(0);
        struct epoll_event ev = {.events = EPOLLIN};

        if (e < 0 || epoll_ctl(e, EPOLL_CTL_ADD, last, &ev) < 0)
            break;
        last = e;
    }
    puts("held: nested");
    return 0;
}
