/* SPDX-License-Identifier: MPL-2.0 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#define MUST(cond) ((cond) ? (void)0 : (perror(#cond), exit(1)))

enum { THREADS = 8, ROUNDS = 2000 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t grown = PTHREAD_COND_INITIALIZER;
static pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;
static pthread_barrier_t barrier;
static pthread_spinlock_t spin;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static sem_t sem;
static atomic_int total;
static int count, inits;

static void init(void)
{
    inits++;
    MUST(pthread_key_create(&key, NULL) == 0);
}

static void *work(void *arg)
{
    pthread_once(&once, init);
    pthread_setspecific(key, arg);
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < ROUNDS; i++) {
        pthread_mutex_lock(&lock);
        count++;
        pthread_cond_signal(&grown);
        pthread_mutex_unlock(&lock);
        pthread_rwlock_rdlock(&rw);
        pthread_rwlock_unlock(&rw);
        pthread_rwlock_wrlock(&rw);
        pthread_rwlock_unlock(&rw);
        pthread_spin_lock(&spin);
        pthread_spin_unlock(&spin);
        atomic_fetch_add(&total, 1);
        if (i % 100 == 0)
            sched_yield();
    }
    sem_post(&sem);
    return pthread_getspecific(key);
}

static void *forever(void *arg)
{
    (void)arg;
    for (;;)
        pause();
}

static int c11(void *arg)
{
    mtx_t *m = arg;

    mtx_lock(m);
    mtx_unlock(m);
    thrd_yield();
    return 9;
}

int main(void)
{
    pthread_t t[THREADS];
    pthread_mutexattr_t ma;
    pthread_mutex_t robust;
    pthread_attr_t attr;
    struct sched_param sp;
    struct timespec at;
    cpu_set_t set;
    int policy, ret;
    thrd_t c;
    mtx_t m;

    pthread_barrier_init(&barrier, NULL, THREADS);
    pthread_spin_init(&spin, 0);
    sem_init(&sem, 0, 0);
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 1 << 20);
    for (int i = 0; i < THREADS; i++)
        MUST(pthread_create(&t[i], &attr, work, &t[i]) == 0);
    pthread_mutex_lock(&lock);
    while (count < THREADS * ROUNDS)
        pthread_cond_wait(&grown, &lock);
    pthread_mutex_unlock(&lock);
    for (int i = 0; i < THREADS; i++) {
        void *got;

        MUST(sem_wait(&sem) == 0 && pthread_join(t[i], &got) == 0 && got == &t[i]);
    }
    MUST(total == THREADS * ROUNDS && inits == 1);
    MUST(pthread_create(&t[0], NULL, forever, NULL) == 0);
    pthread_setname_np(t[0], "forever");
    MUST(pthread_getaffinity_np(t[0], sizeof(set), &set) == 0);
    MUST(pthread_getschedparam(t[0], &policy, &sp) == 0 && pthread_cancel(t[0]) == 0);
    MUST(pthread_join(t[0], NULL) == 0);
    clock_gettime(CLOCK_REALTIME, &at);
    at.tv_nsec = 0;
    pthread_mutex_lock(&lock);
    MUST(sem_timedwait(&sem, &at) < 0 && pthread_cond_timedwait(&grown, &lock, &at) != 0);
    pthread_mutex_unlock(&lock);
    pthread_mutexattr_init(&ma);
    pthread_mutexattr_setrobust(&ma, PTHREAD_MUTEX_ROBUST);
    pthread_mutexattr_setprotocol(&ma, PTHREAD_PRIO_INHERIT);
    pthread_mutex_init(&robust, &ma);
    pthread_mutex_lock(&robust);
    pthread_mutex_unlock(&robust);
    mtx_init(&m, mtx_plain);
    MUST(thrd_create(&c, c11, &m) == thrd_success && thrd_join(c, &ret) == thrd_success &&
         ret == 9);
    MUST(syscall(SYS_gettid) == getpid() && sysconf(_SC_NPROCESSORS_ONLN) > 0);
    puts("ok");
    return 0;
}
