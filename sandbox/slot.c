/* SPDX-License-Identifier: MPL-2.0 */
#include "sandbox/slot.h"

#include "sandbox/frame.h"
#include "sandbox/landlock.h"
#include "sandbox/mutant.h"
#include "sandbox/orphan.h"
#include "sandbox/report.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { SETTLE_MS = 20000 };

/* In the child: nothing of the keeper's may stay open but this end of the channel. */
static void become_stage(const struct stage_spec *spec, int fd) __attribute__((noreturn));
static void become_stage(const struct stage_spec *spec, int fd)
{
    int null = open("/dev/null", O_RDWR);

    if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0 ||
        dup2(fd, 3) < 0 || fcntl(3, F_SETFD, FD_CLOEXEC) < 0)
        _exit(1);
    (void)syscall(SYS_close_range, 4, ~0U, 0);
    for (int sig = 1; sig < NSIG; sig++)
        (void)signal(sig, SIG_DFL);
    /* Whoever kills the keeper's process group is not to kill the one who cleans up after it. */
    (void)setsid();
    stage_main(spec, 3);
}

static uint64_t flags(const struct isolation *i)
{
    uint64_t f = i->spaces ? CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC |
                                 CLONE_NEWUTS | CLONE_NEWCGROUP
                           : 0;

    if (MUTANT(machine_network))
        f &= ~(uint64_t)CLONE_NEWNET;
    if (MUTANT(no_ipc_namespace))
        f &= ~(uint64_t)CLONE_NEWIPC;
    if (MUTANT(no_cgroup_namespace))
        f &= ~(uint64_t)CLONE_NEWCGROUP;
    return i->user ? f | CLONE_NEWUSER : f;
}

/* Clones the stage, maps its users, moves it into the groups, and lets it go. */
static int give_birth(struct slot *s, struct slot_stage *st, struct err *err)
{
    struct clone_args args = {.flags = flags(&st->spec.isolation), .exit_signal = SIGCHLD};
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        return err_errno(err, "socketpair");
    pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
    if (pid < 0 && errno == ENOSYS && !args.flags)
        pid = fork();
    if (pid == 0) {
        (void)near_return(&s->home, 0);
        become_stage(&st->spec, fds[1]);
    }
    int code = errno;
    (void)close(fds[1]);
    if (pid < 0) {
        (void)close(fds[0]);
        return err_set(err, code, "clone: %s", strerror(code));
    }
    st->pid = pid;
    channel_init(&st->link, &fds[0]);
    auto_fd int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = st->spec.ids.user_ns ? userns_map(proc, pid, &st->spec.ids, false, err) : 0;
    if (r == 0 && s->cgroup)
        r = cgroup_add(s->cgroup, pid, err);
    if (r == 0 && write(st->link.fd, "", 1) != 1)
        r = err_errno(err, "stage");
    return r;
}

/* Waits until the stage says that it has settled. */
static int wait_ready(struct slot_stage *st, struct err *err)
{
    struct pollfd p = {.fd = st->link.fd, .events = POLLIN};
    struct frame f;
    int r = poll(&p, 1, SETTLE_MS);

    if (r <= 0)
        return err_set(err, ETIMEDOUT, "the stage does not settle");
    if (channel_get(&st->link, &f) != 1)
        return err_set(err, EPIPE, "the stage died");
    if (f.type == FRAME_READY)
        return 0;
    return err_set(err, EIO, "%.*s", (int)f.body.len, (const char *)f.body.data);
}

static int start(struct slot *s, struct slot_stage *st, struct err *err)
{
    int r = give_birth(s, st, err);

    if (r == 0)
        r = wait_ready(st, err);
    if (r == 0 && fcntl(st->link.fd, F_SETFL, O_NONBLOCK) < 0)
        r = err_errno(err, "stage");
    if (r < 0)
        slot_drop(st);
    return r;
}

static const struct slot_stage nothing = {.link.fd = -1, .init = {.link.fd = -1}};

/* Where no namespace died with it, a stage that was killed could not kill what it had started. Its
 * init dies with it, and only what has none is an orphan. */
static void clear_after(const struct slot_stage *st)
{
    struct pollfd p = {.fd = st->init.pidfd, .events = POLLIN};

    if (st->init.alive && st->init.pidfd >= 0)
        (void)poll(&p, 1, SETTLE_MS);
    orphan_sweep(&st->spec.ids);
}

void slot_drop(struct slot_stage *st)
{
    int status = 0;

    if (st->pid > 0) {
        /* Where no namespace dies with it, a stage that is let go of kills all it has started. */
        if (st->spec.isolation.spaces)
            (void)kill(st->pid, SIGKILL);
        else
            channel_done(&st->link);
        while (waitpid(st->pid, &status, 0) < 0 && errno == EINTR)
            continue;
        if (!st->spec.isolation.spaces && WIFSIGNALED(status))
            clear_after(st);
        channel_done(&st->link);
    }
    slot_buried(st);
    filter_done(&st->spec.filter);
    *st = nothing;
}

/* Can a filter hand out a listener here? Tried in a child, since a filter is for good. */
static bool try_listener(void)
{
    struct filter f;
    int status = 1;

    if (filter_build((struct profile_list){NULL, 0}, FILTER_LISTENS, &f, NULL) < 0)
        return false;
    pid_t pid = fork();
    if (pid == 0)
        _exit(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && filter_load(&f) > 0 ? 0 : 1);
    if (pid > 0)
        (void)waitpid(pid, &status, 0);
    filter_done(&f);
    return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Tries a stage without a language under some isolation. */
static int try_stage(struct slot *s, const struct isolation *i, struct err *err)
{
    struct slot_stage st = nothing;

    userns_choose(&st.spec.ids, i->user);
    st.spec.isolation = *i;
    st.spec.scratch = s->scratch.run;
    st.spec.root = (struct root_spec){.ids = &st.spec.ids, .proc = i->proc};
    int r = start(s, &st, err);
    if (r == 0)
        slot_drop(&st);
    return r;
}

static void find_spaces(struct slot *s)
{
    static const struct isolation tries[] = {
        {.user = true, .spaces = true, .proc = true},
        {.spaces = true, .proc = true},
        {.user = true, .spaces = true},
        {.spaces = true},
    };
    struct err err;

    for (size_t k = 0; k < ARRAY_LEN(tries); k++) {
        if (try_stage(s, &tries[k], &err) == 0) {
            s->isolation.user = tries[k].user;
            s->isolation.spaces = tries[k].spaces;
            s->isolation.proc = tries[k].proc;
            return;
        }
        if (!s->why[0])
            memcpy(s->why, err.text, sizeof(s->why));
    }
}

/* Without namespaces: does the fence stand? A program that ran as root would be outside of it. */
static void find_fence(struct slot *s)
{
    struct isolation fence = {.landlock = landlock_abi() > 0};
    struct ids ids;
    struct err err = {0};

    userns_choose(&ids, false);
    if (!fence.landlock) {
        (void)err_set(&err, ENOSYS, "this kernel has no Landlock");
    } else if (ids.run == 0) {
        (void)err_set(&err, EPERM, "programs would run as root: we may become nobody else");
    } else {
        orphan_sweep(&ids);
        s->isolation.landlock =
            scratch_init(&s->scratch, &err) == 0 && try_stage(s, &fence, &err) == 0;
    }
    s->isolation.scopes = landlock_abi() >= LANDLOCK_ABI_SCOPES;
    if (!s->isolation.landlock)
        (void)snprintf(s->why, sizeof(s->why), "%s", err.text);
}

void slot_init(struct slot *s, const struct profile_set *profiles, bool fresh)
{
    struct err err = {0};

    *s = (struct slot){.profiles = profiles, .scratch.dir = -1};
    quality_init(&s->quality);
    near_init(&s->home);
    s->cpus = (unsigned)sysconf(_SC_NPROCESSORS_CONF);
    for (size_t i = 0; i < SLOT_STAGES; i++)
        s->stages[i] = nothing;
    find_spaces(s);
    if (!s->isolation.spaces)
        find_fence(s);
    s->isolation.fresh = fresh;
    s->isolation.listener = try_listener();
    userns_choose(&s->ids, s->isolation.user);
    s->isolation.ids = s->ids.many;
    s->cgroup = cgroup_new(s->ids.outside, &err);
    s->isolation.cgroups = cgroup_kind(s->cgroup) != CGROUP_NONE;
    struct cgroup_run *run = cgroup_run_new(s->cgroup);
    s->isolation.group_kill = run != NULL;
    cgroup_run_free(run);
    if (!cgroup_reusable(s->cgroup) || !s->ids.many || !s->isolation.proc)
        s->isolation.fresh = true;
    if (!s->isolation.cgroups && !s->why[0])
        memcpy(s->why, err.text, sizeof(s->why));
}

void slot_done(struct slot *s)
{
    for (size_t i = 0; i < SLOT_STAGES; i++)
        slot_drop(&s->stages[i]);
    scratch_done(&s->scratch);
    quality_done(&s->quality);
    cgroup_free(s->cgroup);
    s->cgroup = NULL;
}

/* --- inits --- */

void slot_buried(struct slot_stage *st)
{
    struct slot_init *in = &st->init;

    if (!in->alive)
        return;
    channel_done(&in->link);
    (void)close(in->report);
    if (in->pidfd >= 0)
        (void)close(in->pidfd);
    if (in->proc >= 0)
        (void)close(in->proc);
    if (in->listener >= 0)
        (void)close(in->listener);
    cgroup_run_free(in->group);
    *in = (struct slot_init){.link.fd = -1};
}

bool slot_alive(const struct slot_stage *st)
{
    siginfo_t info = {0};

    return waitid(P_PID, (id_t)st->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == 0;
}

/* The sockets of a new init: its channel and its reports, our ends non-blocking. */
static int make_sockets(int link[2], int report[2], struct err *err)
{
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, link) < 0)
        return err_errno(err, "socketpair");
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, report) < 0) {
        int r = err_errno(err, "socketpair");

        (void)close(link[0]);
        (void)close(link[1]);
        return r;
    }
    (void)fcntl(link[0], F_SETFL, O_NONBLOCK);
    (void)fcntl(report[0], F_SETFL, O_NONBLOCK);
    return 0;
}

int slot_birth(struct slot *s, struct slot_stage *st, struct err *err)
{
    struct slot_init *in = &st->init;
    int link[2], report[2];
    int r = make_sockets(link, report, err);

    if (r < 0)
        return r;
    *in = (struct slot_init){.alive = true,
                             .report = report[0],
                             .pidfd = -1,
                             .proc = -1,
                             .listener = -1,
                             .near = NEAR_NOWHERE};
    channel_init(&in->link, &link[0]);
    cgroup_admit(s->cgroup);
    in->group = cgroup_run_new(s->cgroup);
    const int fds[BIRTH_FDS] = {link[1], report[1], cgroup_run_fd(in->group)};
    r = channel_put(&st->link, FRAME_BIRTH, (struct span){NULL, 0}, fds,
                    in->group ? BIRTH_FDS : BIRTH_CGROUP);
    (void)close(link[1]);
    (void)close(report[1]);
    if (r == 0)
        return 0;
    slot_drop(st);
    return err_set(err, r, "the stage takes no request: %s", strerror(-r));
}

/* Reads what an idle init or its stage has said. False = the init is dead. */
static bool hear(struct slot_stage *st, struct err *err)
{
    struct slot_init *in = &st->init;
    struct report rep;
    struct frame f;
    int got, fd;

    while ((got = report_read(in->report, &rep, &fd)) == 1) {
        if (rep.what == REPORT_BORN) {
            in->pidfd = own_fd_steal(&fd);
            in->born = true;
        }
        if (rep.what == REPORT_PARKED) {
            in->parked = true;
            in->proc = own_fd_steal(&fd);
        }
        if (rep.what == REPORT_LISTENER)
            in->listener = own_fd_steal(&fd);
        if (rep.what == REPORT_FAILED)
            (void)err_set(err, EIO, "%s", rep.text);
        if (fd >= 0)
            (void)close(fd);
    }
    if (got == 0)
        return true;
    /* Its end is closed: it is dying, and the stage will say so. */
    struct pollfd p = {.fd = st->link.fd, .events = POLLIN};
    if (poll(&p, 1, SETTLE_MS) == 1 && channel_get(&st->link, &f) == 1)
        frame_done(&f);
    slot_buried(st);
    return false;
}

/* What its stage says may come after what it says itself, and without it it cannot be killed. */
static bool is_settled(const struct slot_init *in)
{
    return in->born && in->parked;
}

/* Waits until an init has parked or died. */
static bool wait_parked(struct slot_stage *st, struct err *err)
{
    while (hear(st, err)) {
        struct pollfd p = {.fd = st->init.report, .events = POLLIN};

        if (is_settled(&st->init))
            return true;
        if (poll(&p, 1, SETTLE_MS) != 1) {
            (void)err_set(err, ETIMEDOUT, "the init does not get ready");
            return false;
        }
    }
    return false;
}

bool slot_check(struct slot_stage *st)
{
    if (!slot_alive(st)) {
        slot_drop(st);
        return false;
    }
    if (st->init.alive)
        (void)hear(st, NULL);
    return true;
}

int slot_ready(struct slot *s, struct slot_stage *st, struct err *err)
{
    if (st->init.alive && !is_settled(&st->init))
        (void)hear(st, NULL);
    if (!st->init.alive) {
        int r = slot_birth(s, st, err);

        if (r < 0)
            return r;
    }
    for (size_t i = 0; i < SLOT_STAGES; i++) {
        struct slot_stage *at = &s->stages[i];
        struct err why = {.code = EIO, .text = "the init died"};

        if (!at->init.alive || is_settled(&at->init) || wait_parked(at, &why) || at != st)
            continue;
        if (err)
            *err = why;
        return -why.code;
    }
    return 0;
}

/* A "version" step, or any other that is not compile, sees what a run sees. */
static const char *phase_of(const struct profile *p, const char *phase)
{
    if (strcmp(phase, "compile") == 0)
        return phase;
    return profile_binds(p, "run").n || !profile_compiles(p) || strcmp(phase, "run") == 0
               ? "run"
               : "compile";
}

static int prepare(struct slot *s, struct slot_stage *st, const struct profile *p, struct err *err)
{
    const struct isolation *i = &s->isolation;
    unsigned flags = i->listener ? FILTER_LISTENS : 0;

    if (!i->spaces)
        flags |= FILTER_SHARED | (i->scopes || s->ids.many ? 0 : FILTER_NO_SIGNALS);
    flags |= i->cgroups ? 0 : FILTER_UNCOUNTED;
    st->spec.ids = s->ids;
    st->spec.isolation = s->isolation;
    st->spec.scratch = s->scratch.run;
    st->spec.mitigations = mitigation_available(s->mitigations);
    st->spec.root = (struct root_spec){.dir = profile_root(p),
                                       .binds = profile_binds(p, st->phase),
                                       .ids = &st->spec.ids,
                                       .proc = s->isolation.proc};
    return filter_build(profile_syscalls(p, st->phase), flags, &st->spec.filter, err);
}

int slot_stage(struct slot *s, const char *profile, const char *phase, struct slot_stage **ret,
               struct err *err)
{
    const struct profile *p = profile_find(s->profiles, profile);
    struct slot_stage *st = NULL;

    if (!p)
        return err_set(err, ENOENT, "no language is named %s", profile);
    phase = phase_of(p, phase);
    for (size_t i = 0; i < SLOT_STAGES; i++) {
        struct slot_stage *at = &s->stages[i];

        if (at->pid > 0 && strcmp(at->profile, profile) == 0 && strcmp(at->phase, phase) == 0) {
            *ret = at;
            return 0;
        }
        if (at->pid == 0 && !st)
            st = at;
    }
    if (!st) {
        st = &s->stages[0];
        slot_drop(st);
    }
    (void)snprintf(st->profile, sizeof(st->profile), "%s", profile);
    (void)snprintf(st->phase, sizeof(st->phase), "%s", phase);
    int r = prepare(s, st, p, err);
    if (r == 0)
        r = start(s, st, err);
    if (r < 0) {
        slot_drop(st);
        return err_wrap(err, "stage for %s %s", profile, phase);
    }
    *ret = st;
    return 0;
}
