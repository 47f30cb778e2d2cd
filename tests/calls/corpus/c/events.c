/* SPDX-License-Identifier: MPL-2.0 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <termios.h>
#include <unistd.h>

#define MUST(cond) ((cond) ? (void)0 : (perror(#cond), exit(1)))

static void waits(int p[2])
{
    struct timespec brief = {0, 1000};
    struct timeval tv = {0, 1000};
    struct pollfd w = {.fd = p[0], .events = POLLIN};
    fd_set set;
    int n;

    FD_ZERO(&set);
    FD_SET(p[0], &set);
    MUST(poll(&w, 1, 0) == 0 && ppoll(&w, 1, &brief, NULL) == 0);
    MUST(select(p[0] + 1, &set, NULL, NULL, &tv) == 0);
    MUST(pselect(p[0] + 1, &set, NULL, NULL, &brief, NULL) == 0);
    MUST(write(p[1], "abc", 3) == 3 && ioctl(p[0], FIONREAD, &n) == 0 && n == 3);
    MUST(poll(&w, 1, 1000) == 1);
}

static void sets(int p[2])
{
    struct epoll_event e = {.events = EPOLLIN}, got[4];
    struct itimerspec soon = {{0, 0}, {0, 1000000}}, left;
    struct signalfd_siginfo info;
    struct timespec brief = {0, 1000};
    uint64_t n = 2;
    sigset_t usr;
    int ep = epoll_create1(EPOLL_CLOEXEC), old = epoll_create(1);
    int ev = eventfd(1, EFD_NONBLOCK), timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);

    sigemptyset(&usr);
    sigaddset(&usr, SIGUSR1);
    MUST(sigprocmask(SIG_BLOCK, &usr, NULL) == 0);
    int sig = signalfd(-1, &usr, SFD_CLOEXEC);
    MUST(ep >= 0 && old >= 0 && ev >= 0 && timer >= 0 && sig >= 0);
    MUST(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e) == 0 && epoll_ctl(ep, EPOLL_CTL_ADD, ev, &e) == 0);
    MUST(epoll_ctl(ep, EPOLL_CTL_ADD, timer, &e) == 0 &&
         epoll_ctl(ep, EPOLL_CTL_ADD, sig, &e) == 0);
    MUST(timerfd_settime(timer, 0, &soon, NULL) == 0 && timerfd_gettime(timer, &left) == 0);
    MUST(raise(SIGUSR1) == 0 && write(ev, &n, 8) == 8);
    for (int ready = 0; ready < 4;)
        ready = epoll_wait(ep, got, 4, 1000);
    MUST(epoll_pwait(ep, got, 4, 0, &usr) == 4 && epoll_ctl(ep, EPOLL_CTL_DEL, p[0], NULL) == 0);
    MUST(epoll_pwait2(ep, got, 4, &brief, NULL) >= 3 || errno == ENOSYS);
    MUST(read(ev, &n, 8) == 8 && n == 3 && read(timer, &n, 8) == 8);
    MUST(read(sig, &info, sizeof(info)) == sizeof(info) && info.ssi_signo == SIGUSR1);
}

static void copies(int p[2])
{
    int from = open("from", O_RDWR | O_CREAT, 0600), to = open("to", O_RDWR | O_CREAT, 0600);
    struct termios t;
    struct winsize size;
    int q[2];

    MUST(from >= 0 && to >= 0 && ftruncate(from, 8192) == 0 && pipe2(q, O_NONBLOCK) == 0);
    MUST(sendfile(to, from, NULL, 4096) == 4096 || errno == EINVAL);
    MUST(copy_file_range(from, NULL, to, NULL, 4096, 0) == 4096 || errno == EINVAL);
    MUST(tee(p[0], q[1], 3, 0) == 3 || errno == EINVAL);
    MUST(splice(p[0], NULL, to, NULL, 3, 0) == 3 || errno == EINVAL);
    MUST(fcntl(p[1], F_SETPIPE_SZ, 65536) == 65536 && fcntl(p[1], F_GETPIPE_SZ) == 65536);
    MUST(tcgetattr(0, &t) == 0 || errno == ENOTTY);
    MUST(ioctl(0, TIOCGWINSZ, &size) == 0 || errno == ENOTTY);
    MUST(ioctl(p[0], FIONBIO, &(int){1}) == 0);
}

int main(void)
{
    int p[2];

    MUST(pipe(p) == 0);
    waits(p);
    sets(p);
    copies(p);
    puts("ok");
    return 0;
}
