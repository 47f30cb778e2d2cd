/* SPDX-License-Identifier: MPL-2.0 */
#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MUST(cond) ((cond) ? (void)0 : (perror(#cond), exit(1)))

static sigjmp_buf back;
static volatile sig_atomic_t seen, value;

static void note(int sig)
{
    seen = sig;
}

static void note_value(int sig, siginfo_t *info, void *context)
{
    (void)context;
    seen = sig;
    value = info->si_value.sival_int;
}

static void jump(int sig)
{
    siglongjmp(back, sig);
}

static int deep(int n)
{
    volatile char room[4096];

    room[n & 4095] = (char)n;
    return n < 0 ? 0 : deep(n + 1) + room[n & 4095];
}

static void overflow(void)
{
    static char stack[64 * 1024];
    stack_t alt = {.ss_sp = stack, .ss_size = sizeof(stack)};
    struct sigaction act = {.sa_handler = jump, .sa_flags = SA_ONSTACK};

    MUST(sigaltstack(&alt, NULL) == 0 && sigaction(SIGSEGV, &act, NULL) == 0);
    if (sigsetjmp(back, 1) == 0)
        _exit(deep(0));
}

int main(void)
{
    struct sigaction act = {.sa_sigaction = note_value, .sa_flags = SA_SIGINFO | SA_RESTART};
    struct timespec brief = {1, 0};
    siginfo_t info;
    sigset_t set, old;
    int sig;

    MUST(sigaction(SIGUSR1, &act, NULL) == 0 && signal(SIGUSR2, note) != SIG_ERR);
    MUST(raise(SIGUSR2) == 0 && seen == SIGUSR2 && kill(getpid(), SIGUSR2) == 0);
    MUST(sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 42}) == 0 && value == 42);
    MUST(pthread_kill(pthread_self(), SIGUSR2) == 0 && seen == SIGUSR2);
    MUST(pthread_sigqueue(pthread_self(), SIGUSR1, (union sigval){.sival_int = 7}) == 0);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGRTMIN);
    MUST(sigprocmask(SIG_BLOCK, &set, &old) == 0 && raise(SIGUSR1) == 0);
    MUST(sigpending(&set) == 0 && sigismember(&set, SIGUSR1) == 1);
    MUST(sigwait(&set, &sig) == 0 && sig == SIGUSR1);
    sigaddset(&set, SIGRTMIN);
    MUST(raise(SIGRTMIN) == 0 && sigtimedwait(&set, &info, &brief) == SIGRTMIN);
    MUST(raise(SIGUSR1) == 0 && sigsuspend(&old) < 0 && sigprocmask(SIG_SETMASK, &old, NULL) == 0);
    overflow();
    pid_t pid = fork();
    if (pid == 0)
        for (;;)
            pause();
    MUST(kill(pid, 0) == 0 && kill(pid, SIGKILL) == 0 && waitpid(pid, &sig, 0) == pid);
    puts("ok");
    return 0;
}
