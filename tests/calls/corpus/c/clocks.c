/* SPDX-License-Identifier: MPL-2.0 */
#define _GNU_SOURCE
#include <errno.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>
#include <unistd.h>

#define MUST(cond) ((cond) ? (void)0 : (perror(#cond), exit(1)))

static volatile sig_atomic_t ticks;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t fired = PTHREAD_COND_INITIALIZER;
static int in_thread;

static void tick(int sig)
{
    (void)sig;
    ticks++;
}

static void notify(union sigval v)
{
    (void)v;
    pthread_mutex_lock(&lock);
    in_thread = 1;
    pthread_cond_signal(&fired);
    pthread_mutex_unlock(&lock);
}

static void wait_ticks(int n)
{
    while (ticks < n)
        pause();
    ticks = 0;
}

int main(void)
{
    struct timespec brief = {0, 1000000}, now, res;
    struct itimerval often = {{0, 2000}, {0, 2000}}, never = {{0, 0}, {0, 0}}, is;
    struct itimerspec soon = {{0, 2000000}, {0, 2000000}}, left;
    struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    struct timeval tv;
    struct tms spent;
    char text[64];
    time_t t = time(NULL);
    clockid_t cpu;
    timer_t timer;

    MUST(signal(SIGALRM, tick) != SIG_ERR && signal(SIGUSR1, tick) != SIG_ERR);
    MUST(clock_gettime(CLOCK_MONOTONIC, &now) == 0 && clock_getres(CLOCK_REALTIME, &res) == 0);
    MUST(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now) == 0 && gettimeofday(&tv, NULL) == 0);
    MUST(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) == 0 && clock_getcpuclockid(0, &cpu) == 0);
    MUST(nanosleep(&brief, NULL) == 0 && usleep(1000) == 0);
    MUST(clock_nanosleep(CLOCK_MONOTONIC, 0, &brief, NULL) == 0);
    MUST(clock() >= 0 && times(&spent) != (clock_t)-1);
    MUST(setlocale(LC_ALL, "") || setlocale(LC_ALL, "C"));
    MUST(strftime(text, sizeof(text), "%c %Z", localtime(&t)) > 0 && mktime(gmtime(&t)) != -1);
    MUST(setitimer(ITIMER_REAL, &often, NULL) == 0);
    wait_ticks(3);
    MUST(getitimer(ITIMER_REAL, &is) == 0 && setitimer(ITIMER_REAL, &never, NULL) == 0);
    MUST(ualarm(1000, 0) == 0);
    wait_ticks(1);
    alarm(1000);
    MUST(alarm(0) > 0);
    MUST(timer_create(CLOCK_MONOTONIC, &ev, &timer) == 0);
    MUST(timer_settime(timer, 0, &soon, NULL) == 0);
    wait_ticks(2);
    MUST(timer_gettime(timer, &left) == 0 && timer_getoverrun(timer) >= 0);
    MUST(timer_delete(timer) == 0);
    ev = (struct sigevent){.sigev_notify = SIGEV_THREAD, .sigev_notify_function = notify};
    MUST(timer_create(CLOCK_MONOTONIC, &ev, &timer) == 0);
    MUST(timer_settime(timer, 0, &soon, NULL) == 0);
    pthread_mutex_lock(&lock);
    while (!in_thread)
        pthread_cond_wait(&fired, &lock);
    pthread_mutex_unlock(&lock);
    MUST(timer_delete(timer) == 0);
    puts("ok");
    return 0;
}
