/* SPDX-License-Identifier: MPL-2.0 */
#include "sandbox/stage.h"

#include "sandbox/frame.h"
#include "sandbox/kin.h"
#include "sandbox/landlock.h"
#include "sandbox/mutant.h"
#include "sandbox/report.h"
#include "sandbox/rlimit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

struct stage {
    const struct stage_spec *spec;
    struct channel link;
    int proc;  /* our /proc, or -1 */
    int go[2]; /* tells an init that it is mapped */
};

struct kin_user stage_own_user(const struct stage_spec *spec)
{
    return spec->ids.many ? (struct kin_user){spec->ids.run, spec->ids.outside}
                          : (struct kin_user){0, 0};
}

/* Without namespaces: nothing of the machine goes away, so the fence is tried as a run has it. A
 * stage whose keeper is gone is not just killed: it takes its run with it. */
static int settle_shared(struct stage *st, struct err *err)
{
    const struct profile_list none = {NULL, 0};

    if (st->spec->root.dir)
        return err_set(err, ENOTSUP, "a toolchain image needs mount namespaces");
    if (prctl(PR_SET_DUMPABLE, 0) < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
        return err_errno(err, "prctl");
    st->proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (st->proc < 0)
        return err_errno(err, "/proc");
    auto_fd int work = scratch_make(st->spec->scratch, &st->spec->ids, err);
    if (work < 0)
        return work;
    auto_fd int rules = landlock_ruleset(none, work, err);
    scratch_clear(st->spec->scratch);
    return rules < 0 ? rules : 0;
}

static int settle(struct stage *st, struct err *err)
{
    const struct stage_spec *spec = st->spec;
    char byte;

    if (read(st->link.fd, &byte, 1) != 1)
        return err_set(err, EPIPE, "the keeper is gone");
    int r = userns_become_init(&spec->ids, err);
    if (r == 0 && rlimit_settle() < 0)
        r = err_errno(err, "rlimits");
    if (r < 0)
        return r;
    if (!spec->isolation.spaces)
        return settle_shared(st, err);
    /* Changing users made us undumpable, and our own files in /proc root's. */
    if (prctl(PR_SET_DUMPABLE, 1) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        return err_errno(err, "prctl");
    if (sethostname("sandbox", strlen("sandbox")) < 0)
        return err_errno(err, "sethostname");
    r = mount_root(&spec->root, err);
    if (r < 0)
        return r;
    if (spec->root.proc) {
        st->proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (st->proc < 0)
            return err_errno(err, "/proc");
    }
    return pipe2(st->go, O_CLOEXEC) < 0 ? err_errno(err, "pipe") : 0;
}

/* The run's namespaces. Its network is the stage's, which is empty and has no way out. */
static uint64_t flags(const struct stage *st)
{
    uint64_t f = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;

    if (!st->spec->isolation.spaces)
        return 0;
    if (MUTANT(no_pid_namespace))
        f &= ~(uint64_t)CLONE_NEWPID;
    if (MUTANT(no_ipc_namespace))
        f &= ~(uint64_t)CLONE_NEWIPC;
    if (MUTANT(no_cgroup_namespace))
        f &= ~(uint64_t)CLONE_NEWCGROUP;
    return st->spec->isolation.user && st->proc >= 0 ? f | CLONE_NEWUSER : f;
}

/* Container runtimes hide clone3() from those who may make no namespaces: what it does is done bit
 * by bit. */
static pid_t fork_init(const struct frame *f, int *ret_pidfd)
{
    pid_t pid = fork();

    if (pid > 0)
        *ret_pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (pid == 0 && f->n_fds == BIRTH_FDS) {
        auto_fd int group = openat(f->fds[BIRTH_CGROUP], "cgroup.procs", O_WRONLY | O_CLOEXEC);

        if (group < 0 || write(group, "0", 1) != 1)
            _exit(1);
    }
    return pid;
}

static pid_t clone_init(const struct stage *st, const struct frame *f, int *ret_pidfd)
{
    struct clone_args args = {.flags = flags(st) | CLONE_PIDFD,
                              .pidfd = (uint64_t)(uintptr_t)ret_pidfd,
                              .exit_signal = SIGCHLD};

    if (f->n_fds == BIRTH_FDS) {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = (unsigned)f->fds[BIRTH_CGROUP];
    }
    pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
    if (pid >= 0 || errno != ENOSYS || flags(st))
        return pid;
    return fork_init(f, ret_pidfd);
}

/* An init that was killed early left its byte in the pipe: the next one must not take it. */
static void drain(const struct stage *st)
{
    int n = 0;
    char byte;

    while (ioctl(st->go[0], FIONREAD, &n) == 0 && n > 0)
        (void)!read(st->go[0], &byte, 1);
}

static void say_failed(int report, const struct err *err)
{
    struct report r = {.what = REPORT_FAILED, .status = err->code};

    memcpy(r.text, err->text, sizeof(r.text));
    (void)report_send(report, &r, -1);
}

/* Maps the new init's users and lets it go; kills it when that fails. */
static void release(struct stage *st, pid_t pid, int report)
{
    struct err err = {0};

    if (!(flags(st) & CLONE_NEWUSER))
        return;
    if (userns_map(st->proc, pid, &st->spec->ids, true, &err) < 0) {
        say_failed(report, &err);
        (void)kill(pid, SIGKILL);
        return;
    }
    (void)!write(st->go[1], "", 1);
}

/* Waits for the init's end. Without namespaces the keeper's end is watched for, too, since the
 * kernel would then kill only us. */
static void await(const struct stage *st, pid_t pid, int pidfd)
{
    struct pollfd p[] = {{.fd = pidfd, .events = POLLIN}, {.fd = st->link.fd}};

    if (!st->spec->isolation.spaces) {
        while (poll(p, ARRAY_LEN(p), -1) < 0 && errno == EINTR)
            continue;
        if (!p[0].revents)
            (void)kill(pid, SIGKILL);
    }
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    if (st->spec->isolation.spaces)
        return;
    kin_kill(st->proc, stage_own_user(st->spec));
    scratch_clear(st->spec->scratch);
}

/* One init, from its birth to the death of the last process under it. */
static void raise_init(struct stage *st, struct frame *f)
{
    struct err err = {0};
    int pidfd = -1;
    int report = f->fds[BIRTH_REPORT];
    pid_t pid = clone_init(st, f, &pidfd);

    if (pid == 0) {
        struct init_spec spec = {.stage = st->spec,
                                 .link = frame_take(f, BIRTH_CHANNEL),
                                 .report = frame_take(f, BIRTH_REPORT),
                                 .proc = st->proc,
                                 .go = flags(st) & CLONE_NEWUSER ? st->go[0] : -1};

        /* What is the stage's alone. */
        frame_done(f);
        channel_done(&st->link);
        if (st->go[1] >= 0)
            (void)close(st->go[1]);
        if (spec.go < 0 && st->go[0] >= 0)
            (void)close(st->go[0]);
        init_main(&spec);
    }
    if (pid < 0) {
        (void)err_errno(&err, "clone");
        say_failed(report, &err);
        frame_done(f);
        return;
    }
    (void)report_fd(report, REPORT_BORN, pidfd);
    release(st, pid, report);
    frame_done(f);
    await(st, pid, pidfd);
    (void)close(pidfd);
    drain(st);
}

static void serve(struct stage *st)
{
    struct frame f;

    while (channel_get(&st->link, &f) == 1) {
        if (f.type != FRAME_BIRTH || f.n_fds < BIRTH_CGROUP) {
            frame_done(&f);
            return;
        }
        raise_init(st, &f);
        if (channel_put(&st->link, FRAME_REAPED, (struct span){NULL, 0}, NULL, 0) < 0)
            return;
    }
}

void stage_main(const struct stage_spec *spec, int fd)
{
    struct stage st = {.spec = spec, .proc = -1, .go = {-1, -1}};
    struct err err = {0};

    channel_init(&st.link, &fd);
    if (settle(&st, &err) < 0) {
        (void)channel_put(&st.link, FRAME_FAILED, span_of(err.text), NULL, 0);
        _exit(1);
    }
    if (channel_put(&st.link, FRAME_READY, (struct span){NULL, 0}, NULL, 0) == 0)
        serve(&st);
    _exit(0);
}
