/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works: the init is pid 1 of namespaces of its own. Parked, it waits for a run. For one
 * it sizes the work directory, writes the files, lets the process that launch.c has made ready
 * become the program, and reaps whatever becomes an orphan. When the program ends it kills and
 * reaps all that is left, opens the files wanted back, and hands their descriptors to the keeper.
 * Then it ends, or, where slots are reused, it takes the work directory away, makes sure that
 * nothing is left, and parks again; any doubt and it ends. If it dies first, the kernel kills its
 * whole pid namespace.
 *
 * At level lsm it is no pid 1, only the reaper of what it has started; kill(-1) would reach the
 * whole machine, so what is left is found by its descent (kin.c). If it dies first, the stage
 * does that.
 */
#include "base/clock.h"
#include "sandbox/box.h"
#include "sandbox/caps.h"
#include "sandbox/frame.h"
#include "sandbox/kin.h"
#include "sandbox/landlock.h"
#include "sandbox/launch.h"
#include "sandbox/report.h"
#include "sandbox/rlimit.h"
#include "sandbox/stage.h"
#include "sandbox/terminal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

enum {
    INODES_SPARE = 4, /* the work directory itself, and folders above inputs */
    FENCE = 4,        /* runs of the same user that may begin beside this one */
    WORK_FIRST = 4096 /* bytes and inodes of a work directory before its first run */
};

struct init {
    const struct stage_spec *stage;
    struct channel link; /* runs come from here */
    int report;
    int null;    /* an empty stdin */
    int work;    /* the work directory of the next run, or -1 */
    int self;    /* our /proc, or -1 */
    int machine; /* the machine's /proc, where there is no pid namespace, or -1 */
    struct {
        uint64_t size, files;
    } room;                           /* how much it may hold */
    char linked[LIMIT_FILE_NAME + 1]; /* the program's name in `work` already, or "" */
    struct step_limits limits;        /* of the last run */
    bool steady;                      /* and of the one before it, as far as rlimits go */
    uint64_t cpu_us;                  /* ours, before the run */
    struct rusage before;             /* of children, likewise */
    struct launcher launcher;
};

struct run {
    struct run_head head;
    struct step step;
    const struct step_file *program; /* executed as it is, not copied; NULL = none */
    int fds[RUN_FDS];
    int terminal;       /* the program's end, or -1 */
    int dir;            /* the work directory */
    uint64_t untold_ns; /* the program's start, when there was nobody left to tell of; or 0 */
    int32_t status;     /* the program's, once it is reaped */
    uint64_t memory;    /* the most that one of its processes had, bytes */
};

static uint64_t clock_us(const struct timespec *ts)
{
    return (uint64_t)ts->tv_sec * 1000000 + (uint64_t)ts->tv_nsec / 1000;
}

static uint64_t own_cpu_us(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return clock_us(&ts);
}

static int read_request(struct frame *f, struct run *r, struct err *err)
{
    if (f->type != FRAME_RUN || f->body.len < sizeof(r->head) || f->n_fds < RUN_FDS)
        return err_set(err, EBADMSG, "bad request");
    memcpy(&r->head, f->body.data, sizeof(r->head));
    f->body.data += sizeof(r->head);
    f->body.len -= sizeof(r->head);
    for (uint32_t i = 0; i < RUN_FDS; i++)
        r->fds[i] = frame_take(f, i);
    if (frame_get_step(f, RUN_FDS, &r->step) < 0)
        return err_set(err, EBADMSG, "bad request");
    return 0;
}

/* The first of a slot to be killed when memory is short, and out of reach of the program. */
static int protect(const struct init_spec *spec, struct err *err)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        return err_errno(err, "pdeathsig");
    if (spec->proc >= 0) {
        /* Who is not dumpable, as a stage of level lsm, has files of root's in /proc. */
        (void)prctl(PR_SET_DUMPABLE, 1);
        auto_fd int fd = openat(spec->proc, "self/oom_score_adj", O_WRONLY | O_CLOEXEC);

        if (fd >= 0)
            (void)!write(fd, "1000", 4);
    }
    return prctl(PR_SET_DUMPABLE, 0) < 0 ? err_errno(err, "dumpable") : 0;
}

/* What the next run needs that is the same for all, or likely to be: a work directory, and the
 * process that will be its program. Where no group counts processes, those of the
 * slot's user are counted, so there it is not made before it is needed. */
static int prepare(struct init *in, struct err *err)
{
    const struct isolation *i = &in->stage->isolation;

    in->launcher.terminal = -1;
    if (!i->spaces)
        return 0;
    int rc = mount_work(&in->stage->ids, in->room.size, in->room.files, err);
    if (rc < 0)
        return rc;
    in->work = open(STEP_WORK_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (in->work < 0)
        return err_errno(err, "work directory");
    /* The next program has most likely the name of the last. */
    if (in->linked[0] && box_link(in->work, in->linked) < 0)
        in->linked[0] = '\0';
    in->launcher.dir = in->work;
    if (!i->cgroups)
        return 0;
    in->launcher.limits = in->steady ? &in->limits : NULL;
    return launch_prepare(&in->launcher, err);
}

/* Says that the next run may come. What we use from here on is not its program's. */
static int report_ready(struct init *in, enum report_what what, int fd)
{
    in->cpu_us = own_cpu_us();
    (void)getrusage(RUSAGE_CHILDREN, &in->before);
    return report_fd(in->report, what, fd);
}

/* All that can be done before there is a run. */
static int settle(struct init *in, const struct init_spec *spec, struct err *err)
{
    char byte;

    if (spec->go >= 0 && (read(spec->go, &byte, 1) != 1 || close(spec->go) < 0))
        return err_set(err, EPIPE, "the stage is gone");
    int r = protect(spec, err);
    if (r == 0 && spec->stage->isolation.proc)
        r = mount_proc(err);
    if (r < 0)
        return r;
    caps_bound();
    (void)umask(022);
    in->null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (in->null < 0)
        return err_errno(err, "/dev/null");
    in->self = in->work = -1;
    in->machine = spec->stage->isolation.spaces ? -1 : spec->proc;
    if (in->machine < 0 && spec->proc >= 0)
        (void)close(spec->proc);
    if (in->machine >= 0 && prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
        return err_errno(err, "subreaper");
    if (spec->stage->isolation.proc)
        in->self = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    in->room.size = in->room.files = WORK_FIRST;
    in->launcher = (struct launcher){.ids = &spec->stage->ids,
                                     .filter = &spec->stage->filter,
                                     .report = spec->report,
                                     .ruleset = -1,
                                     .terminal = -1,
                                     .meek = in->machine >= 0,
                                     .mitigations = spec->stage->mitigations,
                                     .null = in->null,
                                     .filled = true};
    near_init(&in->launcher.home);
    /* What we have from the keeper is its own, and of its mounts. */
    r = launch_empty(&in->launcher, err);
    return r < 0 ? r : prepare(in, err);
}

/* The kernel counts what a user has in all: who shares one gets a fence that keeps the machine
 * usable, and the exact number is looked after by the keeper. */
static uint64_t processes_fence(const struct init *in, uint64_t limit)
{
    const struct ids *ids = &in->stage->ids;

    return ids->many ? limit : kin_threads(in->machine, ids->run) + FENCE * limit;
}

/* Without mounts: a directory of the machine, and a fence around it. */
static int make_shared_work(struct init *in, struct run *r, struct err *err)
{
    const struct stage_spec *st = in->stage;
    const struct box_how how = {&st->ids, NULL};

    r->step.limits.processes = processes_fence(in, r->step.limits.processes);
    scratch_rename(&r->step, st->scratch);
    r->dir = scratch_make(st->scratch, &st->ids, err);
    if (r->dir < 0)
        return r->dir;
    in->launcher.ruleset = landlock_ruleset(st->root.binds, r->dir, err);
    return in->launcher.ruleset < 0 ? in->launcher.ruleset : box_fill(r->dir, &r->step, &how, err);
}

/* Puts the program's name into the work directory, if it is not there from before. */
static int link_program(struct init *in, const struct run *r, struct err *err)
{
    const char *name = r->program ? r->program->name : "";

    if (strcmp(name, in->linked) == 0)
        return 0;
    if (in->linked[0] && unlinkat(r->dir, in->linked, 0) < 0)
        return err_errno(err, "%s", in->linked);
    int rc = *name ? box_link(r->dir, name) : 0;
    if (rc < 0)
        return err_set(err, rc, "file %.100s: %s", name, strerror(-rc));
    (void)snprintf(in->linked, sizeof(in->linked), "%s", name);
    return 0;
}

static int make_work(struct init *in, struct run *r, struct err *err)
{
    if (in->machine >= 0)
        return make_shared_work(in, r, err);
    const struct step_limits *l = &r->step.limits;
    const uint64_t files = r->step.n_files;
    const struct box_how how = {&in->stage->ids, r->program};
    const uint64_t size = l->file_size + box_size(&r->step, r->program) + files * 4096;
    const uint64_t inodes = l->files + files * INODES_SPARE + INODES_SPARE;

    if (size != in->room.size || inodes != in->room.files) {
        int rc = mount_work_resize(size, inodes, err);

        if (rc < 0)
            return rc;
        in->room.size = size;
        in->room.files = inodes;
    }
    r->dir = own_fd_steal(&in->work);
    int rc = link_program(in, r, err);
    return rc < 0 ? rc : box_fill(r->dir, &r->step, &how, err);
}

static void shut(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

static int make_terminal(struct init *in, struct run *r, struct err *err)
{
    int ends[2];

    /* What we would mount it on is the machine's. */
    if (r->step.tty && in->machine >= 0)
        return err_set(err, ENOTSUP, "a terminal needs mount namespaces");
    int rc = r->step.tty ? terminal_open(&r->step, ends, err) : 0;

    if (rc < 0 || !r->step.tty)
        return rc;
    auto_fd int outer = ends[0];
    r->terminal = ends[1];
    rc = report_fd(in->report, REPORT_TERMINAL, outer);
    return rc < 0 ? err_set(err, rc, "terminal: %s", strerror(-rc)) : 0;
}

/* The program's standard descriptors. */
static void choose_descriptors(const struct init *in, const struct run *r, struct launch *l)
{
    const struct step *s = &r->step;

    l->in = s->stdin_fd >= 0 ? s->stdin_fd : in->null;
    l->out = s->stdout_fd > 0 ? s->stdout_fd : r->fds[RUN_STDOUT];
    l->err = s->stderr_fd > 0 ? s->stderr_fd : r->fds[RUN_STDERR];
    if (r->terminal >= 0)
        l->in = l->out = l->err = r->terminal;
}

/* What others are to see the end of when the program's side is closed. The keeper's own pipes
 * stay open here until the end, which it is told of anyway: it need not wake up for theirs. */
static int shut_descriptors(struct init *in, struct run *r, struct err *err)
{
    int *const all[] = {&r->step.stdin_fd, &r->step.stdout_fd, &r->step.stderr_fd, &r->terminal};
    bool any = false;

    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        any = any || *all[i] > 0;
        if (*all[i] > 0)
            shut(all[i]);
    }
    return any ? launch_empty(&in->launcher, err) : 0;
}

static uint64_t time_us(const struct rusage *u)
{
    return (uint64_t)(u->ru_utime.tv_sec + u->ru_stime.tv_sec) * 1000000 +
           (uint64_t)(u->ru_utime.tv_usec + u->ru_stime.tv_usec);
}

/* What the processes that wait, or have waited, have used within a run is ours. */
static void not_of_the_run(struct init *in)
{
    struct rusage now;
    struct timespec waits = {0};
    clockid_t clock;

    (void)getrusage(RUSAGE_CHILDREN, &now);
    if (in->launcher.pid > 0 && clock_getcpuclockid(in->launcher.pid, &clock) == 0)
        (void)clock_gettime(clock, &waits);
    in->cpu_us -= time_us(&now) - time_us(&in->before) + clock_us(&waits);
    in->before = now;
}

/* Makes sure that a process waits to be the program. One that gets a terminal must have it before
 * it has the filter, and one that has limits cannot have higher ones: then it is made now. Which
 * limits the next one has is only guessed when it has been right twice. */
static int ready(struct init *in, const struct run *r, struct err *err)
{
    const bool fits = rlimit_fits(&in->limits, &r->step.limits);
    int rc = 0;

    if (r->terminal >= 0 || (in->launcher.limits && !fits)) {
        launch_discard(&in->launcher);
        in->launcher.limits = NULL;
    }
    in->limits = r->step.limits;
    in->steady = fits;
    in->launcher.terminal = r->terminal;
    in->launcher.dir = r->dir;
    if (in->launcher.pid == 0) {
        rc = launch_prepare(&in->launcher, err);
        not_of_the_run(in);
    }
    return rc;
}

/* Reaps `who`, -1 = anybody, as wait4(2). What the kernel says of all children together is the
 * largest of all runs there have been. */
static pid_t reap_one(struct run *r, pid_t who, int flags, int *status)
{
    struct rusage u;
    pid_t pid = wait4(who, status, flags, &u);

    if (pid > 0 && (uint64_t)u.ru_maxrss * LIMIT_KIB > r->memory)
        r->memory = (uint64_t)u.ru_maxrss * LIMIT_KIB;
    return pid;
}

/* `pid`: not waited for, so that its number is its own; or 0. Whatever held us for the start of the
 * run is over. */
static int tell_start(struct init *in, const struct run *r, pid_t pid, uint64_t at_ns)
{
    struct report rep = {.what = REPORT_STARTED, .at_ns = at_ns};
    auto_fd int program = pid ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;

    launch_give_way(&in->launcher, false);
    if (r->head.near)
        (void)near_return(&in->launcher.home, 0);
    rep.init_us = own_cpu_us() - in->cpu_us;
    int rc = report_send(in->report, &rep, program);
    /* A user may have so many descriptors under way, and the program may be the same user. Without
     * its own it cannot be signalled; untold it would run without limits. */
    return rc < 0 && program >= 0 ? report_send(in->report, &rep, -1) : rc;
}

static int start(struct init *in, struct run *r, pid_t *ret_pid, struct err *err)
{
    struct launch as = {
        .step = &r->step, .program = r->program ? r->program->fd : -1, .alone = r->head.alone != 0};
    uint64_t at_ns;
    int rc = ready(in, r, err);

    choose_descriptors(in, r, &as);
    if (rc == 0)
        rc = launch_program(&in->launcher, &as, ret_pid, &at_ns, err);
    if (rc < 0)
        return rc;
    if (reap_one(r, *ret_pid, WNOHANG, &r->status) == *ret_pid)
        r->untold_ns = at_ns;
    else
        rc = tell_start(in, r, *ret_pid, at_ns);
    if (rc < 0)
        return err_set(err, rc, "its start: %s", strerror(-rc));
    return shut_descriptors(in, r, err);
}

/* Who has none has nobody under it: orphans come to it, and are its children before their parent
 * can be reaped. */
static bool has_children(void)
{
    siginfo_t info;

    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) == 0;
}

/* Reaps until the program has ended; then kills what is left and reaps that. One kill(-1) is
 * enough: it holds the lock that a fork needs, and a fork under way fails with it pending. */
static void reap(struct init *in, struct run *r, pid_t program)
{
    const bool shares = !in->stage->isolation.spaces;
    int status;
    pid_t pid = r->untold_ns ? program : 0;

    while (pid != program && (pid >= 0 || errno == EINTR)) {
        pid = reap_one(r, -1, 0, &status);
        if (pid == program)
            r->status = status;
    }
    const bool left = shares || has_children();
    /* What it has left is under its limits while it is killed. */
    if (left && r->untold_ns) {
        (void)tell_start(in, r, 0, r->untold_ns);
        r->untold_ns = 0;
    }
    if (shares)
        kin_kill(in->machine, stage_own_user(in->stage));
    else if (left)
        (void)kill(-1, SIGKILL);
    while (left && (reap_one(r, -1, 0, &status) > 0 || errno == EINTR))
        continue;
}

static void report_end(struct init *in, struct run *r, pid_t program)
{
    struct rusage u;
    struct statvfs fs;
    struct report rep = {.what = REPORT_EXITED, .done = r->step.n_out == 0};

    reap(in, r, program);
    rep.status = r->status;
    rep.memory = r->memory;
    rep.started_ns = r->untold_ns;
    rep.at_ns = clock_mono_ns();
    (void)getrusage(RUSAGE_CHILDREN, &u);
    rep.cpu_us = time_us(&u) - time_us(&in->before);
    rep.init_us = own_cpu_us() - in->cpu_us;
    /* There the last of them are not waited for by us, and an init has one run only. */
    if (in->machine >= 0)
        rep.memory = (uint64_t)u.ru_maxrss * LIMIT_KIB;
    rep.switches_voluntary = (uint64_t)(u.ru_nvcsw - in->before.ru_nvcsw);
    rep.switches_forced = (uint64_t)(u.ru_nivcsw - in->before.ru_nivcsw);
    if (r->status != 0 && fstatvfs(r->dir, &fs) == 0)
        rep.box_full = fs.f_ffree == 0 || fs.f_bfree == 0;
    (void)report_send(in->report, &rep, -1);
    /* Who waits for this is on our CPU and goes first; the next run is likely to be near too. */
    if (r->head.near)
        (void)sched_yield();
    else
        launch_give_way(&in->launcher, false);
}

static int send_file(void *arg, const char *name, bool executable, int fd)
{
    struct init *in = arg;
    struct report rep = {.what = REPORT_FILE, .executable = executable};
    auto_fd int file = fd;

    (void)snprintf(rep.text, sizeof(rep.text), "%s", name);
    return report_send(in->report, &rep, file);
}

/* Is there no process but us, as /proc tells it? */
static bool alone(const struct init *in)
{
    int fd = in->self < 0 ? -1 : openat(in->self, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    unsigned n = 0;

    if (!d)
        return false;
    for (struct dirent *e; (e = readdir(d));)
        n += e->d_name[0] >= '0' && e->d_name[0] <= '9';
    (void)closedir(d);
    return n == 1;
}

/* Back to what was before the run. The work directory can only be unmounted when nothing has
 * anything in it open. System V and POSIX ipc, keys, mounts and sockets cannot be made at all. */
static int clean(struct init *in, struct run *r, struct err *err)
{
    shut(&r->dir);
    int rc = mount_work_done(err);
    if (rc == 0 && !alone(in))
        rc = err_set(err, EBUSY, "a process is left");
    if (rc == 0)
        rc = prepare(in, err);
    return rc == 0 ? report_ready(in, REPORT_CLEAN, -1) : rc;
}

static int perform(struct init *in, struct frame *f, struct run *r, struct err *err)
{
    struct report done = {.what = REPORT_DONE};
    pid_t program;
    int rc = read_request(f, r, err);

    if (rc == 0 && in->self >= 0)
        r->program = box_program(&r->step);
    if (rc == 0)
        rc = make_terminal(in, r, err);
    if (rc == 0)
        rc = make_work(in, r, err);
    if (rc == 0)
        rc = start(in, r, &program, err);
    if (rc < 0)
        return rc;
    report_end(in, r, program);
    rc = launch_empty(&in->launcher, err);
    if (rc == 0 && r->step.n_out) {
        done.status = box_collect(r->dir, &r->step, send_file, in);
        rc = report_send(in->report, &done, -1);
    }
    if (rc < 0 || r->head.last)
        return rc < 0 ? rc : 1;
    return clean(in, r, err);
}

/* Runs until one is the last, or something is wrong. */
static int serve(struct init *in, struct err *err)
{
    struct frame f;
    int rc = 0;

    while (rc == 0 && channel_get(&in->link, &f) == 1) {
        struct run r = {.fds = {-1, -1}, .terminal = -1, .dir = -1, .step.stdin_fd = -1};

        rc = perform(in, &f, &r, err);
        frame_done(&f);
        frame_step_done(&r.step);
        shut(&r.fds[RUN_STDOUT]);
        shut(&r.fds[RUN_STDERR]);
        shut(&r.terminal);
        shut(&r.dir);
        shut(&in->launcher.ruleset);
    }
    return rc;
}

void init_main(const struct init_spec *spec)
{
    struct init in = {.stage = spec->stage, .report = spec->report};
    struct err err = {0};
    struct report failed = {.what = REPORT_FAILED};
    int fd = spec->link;

    channel_init(&in.link, &fd);
    int r = settle(&in, spec, &err);
    if (r == 0)
        r = report_ready(&in, REPORT_PARKED, in.self);
    if (r == 0)
        r = serve(&in, &err);
    if (r < 0) {
        failed.status = err.code;
        memcpy(failed.text, err.text, sizeof(failed.text));
        (void)report_send(in.report, &failed, -1);
    }
    _exit(0);
}
