/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works: the process that waits has a stack of its own in its starter's memory, and
 * shares its descriptors until it executes something, which is when the kernel gives it a copy
 * of them and clears `state`. What went wrong is written to the launcher. Nothing of a program
 * runs before exec, and the starter sleeps whenever the other one is awake.
 *
 *     init   launch_prepare --wait--            launch_program --wait--
 *                  |           ^                     |            ^
 *     child        +-- user, filter --- sleep ---    +-- exec ----+
 */
#include "sandbox/launch.h"

#include "base/clock.h"
#include "sandbox/caps.h"
#include "sandbox/landlock.h"
#include "sandbox/mitigation.h"
#include "sandbox/mutant.h"
#include "sandbox/report.h"
#include "sandbox/rlimit.h"
#include "sandbox/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { STACK = 64 * LIMIT_KIB };

/* Sleeps while the state is `is`. Does not look at errno, which the two processes share. */
static void await(struct launcher *l, enum launch_state is)
{
    while (atomic_load(&l->state) == (int)is)
        (void)syscall(SYS_futex, &l->state, FUTEX_WAIT, is, NULL, NULL, 0);
}

static void tell(struct launcher *l, enum launch_state state)
{
    atomic_store(&l->state, (int)state);
    (void)syscall(SYS_futex, &l->state, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static int put_descriptors(const struct launcher *l)
{
    const struct launch *as = l->as;

    /* None of ours is below 3, so no dup2 overwrites what the next one copies. */
    if ((as->in != l->null && dup2(as->in, 0) < 0) || dup2(as->out, 1) < 0 || dup2(as->err, 2) < 0)
        return -errno;
    return MUTANT(inherited_descriptor) && dup(0) < 0 ? -errno : 0;
}

static int put_filter(const struct launcher *l)
{
    int listener = MUTANT(no_filter) ? 0 : filter_load(l->filter);

    if (listener <= 0)
        return listener;
    int r = report_fd(l->report, REPORT_LISTENER, listener);
    (void)close(listener);
    return r;
}

static int put_landlock(const struct launcher *l)
{
    return l->ruleset < 0 ? 0 : landlock_restrict(l->ruleset);
}

/* What is the same for all runs. */
static struct launch_failure become_harmless(const struct launcher *l)
{
    int r;

    /* All are CLOEXEC from birth; this also holds for what a library may have opened. */
    if (syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
        return (struct launch_failure){"descriptors", errno};
    if (fchdir(l->dir) < 0)
        return (struct launch_failure){"work directory", errno};
    if (setsid() < 0 && errno != EPERM)
        return (struct launch_failure){"setsid", errno};
    if (l->terminal >= 0 && (r = terminal_control(l->terminal)) < 0)
        return (struct launch_failure){"terminal", -r};
    if (l->meek && setpriority(PRIO_PROCESS, 0, LAUNCH_MEEK) < 0)
        return (struct launch_failure){"priority", errno};
    if ((r = mitigation_apply(l->mitigations)) < 0)
        return (struct launch_failure){"mitigations", -r};
    if (!MUTANT(runs_as_root) && !MUTANT(kept_capabilities) && (r = userns_become_run(l->ids)) < 0)
        return (struct launch_failure){"user", -r};
    if ((r = caps_drop()) < 0)
        return (struct launch_failure){"capabilities", -r};
    /* Not before: a change of users would forget it. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != l->starter)
        return (struct launch_failure){"init", ESRCH};
    if ((r = put_landlock(l)) < 0)
        return (struct launch_failure){"landlock", -r};
    if ((r = put_filter(l)) < 0)
        return (struct launch_failure){"seccomp", -r};
    /* Not before: with as few descriptors as a program may have, the listener could not be sent
     * while another program of its user has as many under way. */
    r = rlimit_prepare();
    if (r == 0 && l->limits)
        r = rlimit_apply(l->limits, false);
    return r < 0 ? (struct launch_failure){"rlimits", -r} : (struct launch_failure){NULL, 0};
}

/* Returns only when something failed. */
static struct launch_failure become_program(struct launcher *l)
{
    const struct launch *as = l->as;
    int r = put_descriptors(l);

    if (r < 0)
        return (struct launch_failure){"descriptors", -r};
    if ((as->alone || !l->limits) && (r = rlimit_apply(&as->step->limits, as->alone)) < 0)
        return (struct launch_failure){"rlimits", -r};
    char *const *env = MUTANT(daemon_environment) ? environ : as->step->env;
    l->at_ns = clock_mono_ns();
    if (as->program >= 0)
        (void)execveat(as->program, "", as->step->argv, env, AT_EMPTY_PATH);
    else
        (void)execve(as->step->argv[0], as->step->argv, env);
    return (struct launch_failure){as->step->argv[0], errno};
}

static int child(void *arg)
{
    struct launcher *l = arg;

    l->failure = become_harmless(l);
    if (l->failure.where)
        _exit(127);
    tell(l, LAUNCH_WAITING);
    await(l, LAUNCH_WAITING);
    l->failure = become_program(l);
    _exit(127);
}

void launch_give_way(struct launcher *l, bool yes)
{
    const struct sched_param zero = {0};

    if (l->gives_way == yes)
        return;
    l->gives_way = yes;
    (void)sched_setscheduler(0, yes ? SCHED_BATCH : SCHED_OTHER, &zero);
}

/* The child is dead: it is reaped and forgotten. */
static int failed(struct launcher *l, struct err *err)
{
    while (waitpid(l->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    l->pid = 0;
    if (!l->failure.where)
        return err_set(err, EIO, "killed before it was a program");
    return err_set(err, l->failure.code, "%s: %s", l->failure.where, strerror(l->failure.code));
}

/* What its starter is held to just now, and how it is scheduled, is not for the program. */
static pid_t make_child(struct launcher *l)
{
    const int flags = CLONE_VM | CLONE_FILES | CLONE_CHILD_CLEARTID | SIGCHLD;
    const bool held = near_held(&l->home) != NEAR_NOWHERE;
    struct near_home now;

    launch_give_way(l, false);
    if (held) {
        near_init(&now);
        (void)near_return(&l->home, 0);
    }
    pid_t pid = clone(child, (char *)l->stack + STACK, flags, l, NULL, NULL, &l->state);
    if (held) {
        (void)near_return(&now, 0);
        launch_give_way(l, true);
    }
    return pid;
}

int launch_prepare(struct launcher *l, struct err *err)
{
    if (!l->stack) {
        void *at = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (at == MAP_FAILED)
            return err_errno(err, "stack");
        l->stack = at;
    }
    l->failure = (struct launch_failure){NULL, 0};
    l->at_ns = 0;
    l->starter = getpid();
    atomic_store(&l->state, LAUNCH_PREPARING);
    l->pid = make_child(l);
    if (l->pid < 0)
        return err_errno(err, "clone");
    await(l, LAUNCH_PREPARING);
    return atomic_load(&l->state) == LAUNCH_GONE ? failed(l, err) : 0;
}

void launch_discard(struct launcher *l)
{
    if (!l->pid)
        return;
    (void)kill(l->pid, SIGKILL);
    (void)failed(l, NULL);
}

int launch_empty(struct launcher *l, struct err *err)
{
    for (int fd = 0; l->filled && fd < 3; fd++)
        if (dup2(l->null, fd) < 0)
            return err_errno(err, "descriptors");
    l->filled = false;
    return 0;
}

int launch_program(struct launcher *l, const struct launch *as, pid_t *ret_pid, uint64_t *ret_at_ns,
                   struct err *err)
{
    l->as = as;
    launch_give_way(l, true);
    tell(l, LAUNCH_GOING);
    await(l, LAUNCH_GOING);
    l->filled = true;
    if (l->failure.where || l->at_ns == 0)
        return failed(l, err);
    *ret_pid = l->pid;
    *ret_at_ns = l->at_ns;
    l->pid = 0;
    return 0;
}
