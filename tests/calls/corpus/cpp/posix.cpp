// SPDX-License-Identifier: MPL-2.0
// What C++ programs take from the system below their library.
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <fcntl.h>
#include <iostream>
#include <sched.h>
#include <stdexcept>
#include <string>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

static void must(bool yes, const char *what)
{
    if (!yes)
        throw std::runtime_error(what);
}

static void processes()
{
    int p[2], status = 0;
    char text[8] = "";

    must(pipe(p) == 0, "pipe");
    pid_t pid = fork();
    if (pid == 0)
        _exit(write(p[1], "child", 5) == 5 && setsid() > 0 ? 3 : 4);
    must(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 3, "fork");
    must(read(p[0], text, sizeof(text)) == 5 && std::string(text) == "child", "read");
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, p) == 0 && send(p[0], "x", 1, 0) == 1, "pairs");
    must(recv(p[1], text, 1, 0) == 1, "recv");
    auto *n = static_cast<int *>(
        mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    pid = fork();
    if (pid == 0)
        _exit((*n = 42) - 42);
    must(waitpid(pid, &status, 0) == pid && *n == 42, "shared memory");
    must(nice(1) >= 0 || errno == EPERM, "nice");
    cpu_set_t set;
    must(sched_getaffinity(0, sizeof(set), &set) == 0, "affinity");
    must(sched_setaffinity(0, sizeof(set), &set) == 0 || errno == EPERM, "affinity");
}

static volatile std::sig_atomic_t ticks;

static void events()
{
    itimerspec soon = {{0, 0}, {0, 1000000}};
    itimerval often = {{0, 2000}, {0, 2000}}, never = {{0, 0}, {0, 0}};
    epoll_event e = {}, got = {};
    std::uint64_t n = 1;
    int ep = epoll_create1(0), ev = eventfd(0, 0), timer = timerfd_create(CLOCK_MONOTONIC, 0);

    e.events = EPOLLIN;
    must(epoll_ctl(ep, EPOLL_CTL_ADD, timer, &e) == 0, "epoll");
    must(timerfd_settime(timer, 0, &soon, nullptr) == 0 && epoll_wait(ep, &got, 1, 20000) == 1,
         "timer");
    must(write(ev, &n, 8) == 8 && read(ev, &n, 8) == 8, "eventfd");
    std::signal(SIGALRM, [](int) { ticks = ticks + 1; });
    must(setitimer(ITIMER_REAL, &often, nullptr) == 0, "setitimer");
    while (ticks < 3)
        pause();
    must(setitimer(ITIMER_REAL, &never, nullptr) == 0 && alarm(0) == 0, "alarm");
    int from = open("from", O_RDWR | O_CREAT, 0600), to = open("to", O_RDWR | O_CREAT, 0600);
    must(ftruncate(from, 4096) == 0, "ftruncate");
    must(sendfile(to, from, nullptr, 4096) == 4096 || errno == EINVAL, "sendfile");
}

int main()
{
    processes();
    events();
    std::cout << "ok" << std::endl;
}
