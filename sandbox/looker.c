/* SPDX-License-Identifier: MPL-2.0 */
#include "sandbox/looker.h"

#include "base/own.h"
#include "sandbox/kin.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

void looker_init(struct looker *l)
{
    *l = (struct looker){.answer = -1};
}

static void reap(struct looker *l, int how)
{
    pid_t pid;

    do
        pid = l->pid ? waitpid(l->pid, NULL, how) : 0;
    while (pid < 0 && errno == EINTR);
    if (pid != 0)
        l->pid = 0;
}

static void hang_up(struct looker *l)
{
    if (l->answer >= 0)
        (void)close(l->answer);
    l->answer = -1;
}

void looker_stop(struct looker *l)
{
    if (l->pid)
        (void)kill(l->pid, SIGKILL);
    hang_up(l);
}

void looker_done(struct looker *l)
{
    looker_stop(l);
    reap(l, 0);
}

static void become_looker(const struct looker_task *t, int answer, pid_t keeper)
    __attribute__((noreturn));
static void become_looker(const struct looker_task *t, int answer, pid_t keeper)
{
    const unsigned a = (unsigned)answer, k = (unsigned)t->keep, low = a < k ? a : k;
    const unsigned high = a < k ? k : a;
    uint8_t told[PIPE_BUF] = {0};

    /* The node is to see the keeper's sockets close when the keeper dies, and others the run's
     * pipes when it is over. */
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (low > 3)
        (void)syscall(SYS_close_range, 3, low - 1, 0);
    if (high > low + 1)
        (void)syscall(SYS_close_range, low + 1, high - 1, 0);
    (void)syscall(SYS_close_range, high + 1, ~0U, 0);
    if (getppid() != keeper || t->size > sizeof(told))
        _exit(1);
    t->see(t->arg, told);
    _exit(write(answer, told, t->size) == (ssize_t)t->size ? 0 : 1);
}

void looker_send(struct looker *l, const struct looker_task *t)
{
    const pid_t keeper = getpid();
    int ends[2];

    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return;
    pid_t pid = fork();
    if (pid == 0)
        become_looker(t, ends[1], keeper);
    (void)close(ends[1]);
    if (pid < 0) {
        (void)close(ends[0]);
        return;
    }
    l->pid = pid;
    l->answer = ends[0];
}

bool looker_hear(struct looker *l, void *ret_answer, size_t size)
{
    ssize_t n = l->answer < 0 ? -1 : read(l->answer, ret_answer, size);

    if (n >= 0)
        hang_up(l);
    if (l->answer < 0)
        reap(l, WNOHANG);
    return n == (ssize_t)size;
}

bool looker_waits(const struct looker *l, int ours)
{
    struct kin k;

    return !kin_look(ours, l->pid, &k) || k.state == 'D';
}
