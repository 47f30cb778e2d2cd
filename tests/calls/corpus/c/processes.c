/* SPDX-License-Identifier: MPL-2.0 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define MUST(cond) ((cond) ? (void)0 : (perror(#cond), exit(1)))

extern char **environ;

static int ended(pid_t pid)
{
    int status;

    MUST(pid > 0 && waitpid(pid, &status, 0) == pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void children(char *self)
{
    char *argv[] = {self, (char *)"child", NULL};
    posix_spawn_file_actions_t fa;
    posix_spawnattr_t at;
    struct rusage use;
    siginfo_t info;
    pid_t pid;
    int p[2], status;
    char text[8] = "";

    MUST(pipe(p) == 0);
    if ((pid = fork()) == 0)
        _exit(write(p[1], "hello", 5) == 5 ? 3 : 4);
    MUST(ended(pid) == 3 && read(p[0], text, sizeof(text)) == 5 && strcmp(text, "hello") == 0);
    if ((pid = vfork()) == 0) {
        execv(self, argv);
        _exit(5);
    }
    MUST(ended(pid) == 7);
    posix_spawn_file_actions_init(&fa);
    posix_spawn_file_actions_adddup2(&fa, p[1], 1);
    posix_spawn_file_actions_addopen(&fa, 0, "/dev/null", O_RDONLY, 0);
    posix_spawnattr_init(&at);
    posix_spawnattr_setflags(&at, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
    MUST(posix_spawn(&pid, self, &fa, &at, argv, environ) == 0 && ended(pid) == 7);
    if ((pid = fork()) == 0)
        pause();
    MUST(kill(pid, SIGSTOP) == 0 && waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
    MUST(kill(pid, SIGCONT) == 0 && kill(pid, SIGTERM) == 0);
    MUST(waitid(P_PID, (id_t)pid, &info, WEXITED) == 0 && info.si_status == SIGTERM);
    if ((pid = fork()) == 0)
        _exit(setsid() == getpid() && setpgid(0, 0) < 0 && getsid(0) == getpid() ? 0 : 1);
    MUST(ended(pid) == 0);
    if ((pid = fork()) == 0)
        abort();
    MUST(wait4(pid, &status, 0, &use) == pid && WTERMSIG(status) == SIGABRT);
    if ((pid = fork()) == 0)
        _exit(setpgid(0, 0) == 0 && getpgrp() == getpid() && getpgid(0) == getpid() ? 0 : 1);
    MUST(ended(pid) == 0 && wait(&status) < 0 && errno == ECHILD);
    MUST(system("exit 3") >= 0 || errno);
    MUST(getrusage(RUSAGE_CHILDREN, &use) == 0 && getppid() >= 0);
    FILE *f = popen("true", "r");
    if (f)
        (void)pclose(f);
}

static void pairs(void)
{
    static const int kinds[] = {SOCK_STREAM, SOCK_SEQPACKET};
    char text[16] = "";

    for (int i = 0; i < 2; i++) {
        struct iovec v = {text, sizeof(text)};
        struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
        int p[2];

        MUST(socketpair(AF_UNIX, kinds[i] | SOCK_CLOEXEC, 0, p) == 0);
        pid_t pid = fork();
        if (pid == 0)
            _exit(send(p[1], "abc", 3, 0) == 3 && sendmsg(p[1], &m, MSG_NOSIGNAL) == 16 ? 0 : 1);
        MUST(ended(pid) == 0 && recv(p[0], text, 3, 0) == 3 && recvmsg(p[0], &m, 0) == 16);
        struct pollfd w = {.fd = p[1], .events = POLLOUT};
        MUST(poll(&w, 1, 1000) == 1 && shutdown(p[1], SHUT_WR) == 0 && read(p[0], text, 1) == 0);
        close(p[0]);
        close(p[1]);
    }
}

static void shared(void)
{
    int *n = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    cpu_set_t set;

    MUST(n != MAP_FAILED);
    pid_t pid = fork();
    if (pid == 0)
        _exit((*n = 42) - 42);
    MUST(ended(pid) == 0 && *n == 42 && munmap(n, 4096) == 0);
    MUST(nice(1) >= 0 || errno == EPERM);
    MUST(getpriority(PRIO_PROCESS, 0) >= 0 && sched_getaffinity(0, sizeof(set), &set) == 0);
    MUST(sched_setaffinity(0, sizeof(set), &set) == 0 || errno == EPERM);
    MUST(setpriority(PRIO_PROCESS, 0, 2) == 0 || errno == EPERM);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return 7;
    children(argv[0]);
    pairs();
    shared();
    puts("ok");
    return 0;
}
