/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works: the child of vfork() borrows this process's memory until it execs, so what
 * went wrong is written to a variable that the parent reads after. The child is already the
 * program's user when it loads the filter; nothing of the program runs before exec.
 */
#include "sandbox/launch.h"

#include "base/clock.h"
#include "sandbox/caps.h"
#include "sandbox/report.h"
#include "sandbox/rlimit.h"
#include "sandbox/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

struct failure {
    const char *where;
    int code;
};

static int put_descriptors(const struct launch *l)
{
    /* None of ours is below 3, so no dup2 overwrites what the next one copies. */
    if (dup2(l->in, 0) < 0 || dup2(l->out, 1) < 0 || dup2(l->err, 2) < 0)
        return -errno;
    /* All are CLOEXEC from birth; this also holds for what a library may have opened. */
    return syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC) < 0 ? -errno : 0;
}

static int put_filter(const struct launch *l)
{
    int listener = filter_load(l->filter);

    if (listener <= 0)
        return listener;
    return report_fd(l->report, REPORT_LISTENER, listener);
}

static int put_landlock(const struct launch *l)
{
    if (l->ruleset < 0)
        return 0;
    return syscall(SYS_landlock_restrict_self, l->ruleset, 0) < 0 ? -errno : 0;
}

/* Returns only when something failed. */
static struct failure become_program(const struct launch *l, volatile uint64_t *ret_at_ns)
{
    int r = put_descriptors(l);

    if (r < 0)
        return (struct failure){"descriptors", -r};
    if (setsid() < 0 && errno != EPERM)
        return (struct failure){"setsid", errno};
    if (l->step->tty && (r = terminal_control(0)) < 0)
        return (struct failure){"terminal", -r};
    if ((r = rlimit_apply(&l->step->limits, l->alone)) < 0)
        return (struct failure){"rlimits", -r};
    if ((r = userns_become_run(l->ids)) < 0)
        return (struct failure){"user", -r};
    if ((r = caps_drop()) < 0)
        return (struct failure){"capabilities", -r};
    if ((r = put_landlock(l)) < 0)
        return (struct failure){"landlock", -r};
    if ((r = put_filter(l)) < 0)
        return (struct failure){"seccomp", -r};
    *ret_at_ns = clock_mono_ns();
    if (l->program >= 0)
        (void)execveat(l->program, "", l->step->argv, l->step->env, AT_EMPTY_PATH);
    else
        (void)execve(l->step->argv[0], l->step->argv, l->step->env);
    return (struct failure){l->step->argv[0], errno};
}

int launch_program(const struct launch *l, pid_t *ret_pid, uint64_t *ret_at_ns, struct err *err)
{
    volatile struct failure failure = {NULL, 0};
    volatile uint64_t at_ns = 0;
    pid_t pid = vfork();

    if (pid == 0) {
        struct failure f = become_program(l, &at_ns);

        failure.where = f.where;
        failure.code = f.code;
        _exit(127);
    }
    if (pid < 0)
        return err_errno(err, "vfork");
    if (failure.code) {
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            continue;
        return err_set(err, failure.code, "%s: %s", failure.where, strerror(failure.code));
    }
    *ret_pid = pid;
    *ret_at_ns = at_ns;
    return 0;
}
