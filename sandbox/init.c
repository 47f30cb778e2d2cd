/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works: the init is pid 1 of the run's namespaces. It mounts the work directory,
 * writes the files, starts the program (launch.c), and reaps whatever becomes an orphan. When the
 * program ends it kills and reaps all that is left, opens the files wanted back, hands their
 * descriptors to the keeper, and exits. If it dies first, the kernel kills the whole namespace.
 */
#include "base/clock.h"
#include "sandbox/box.h"
#include "sandbox/frame.h"
#include "sandbox/launch.h"
#include "sandbox/report.h"
#include "sandbox/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <time.h>

struct init {
    const struct init_spec *spec;
    struct run_head head;
    struct step step;
    int fds[RUN_FDS];
    int box; /* the work directory */
};

static uint64_t clock_us(clockid_t id)
{
    struct timespec ts;

    (void)clock_gettime(id, &ts);
    return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static int read_request(struct init *in, struct err *err)
{
    struct frame *f = in->spec->frame;

    if (f->body.len < sizeof(in->head) || f->n_fds < RUN_FDS)
        return err_set(err, EBADMSG, "short request");
    memcpy(&in->head, f->body.data, sizeof(in->head));
    f->body.data += sizeof(in->head);
    f->body.len -= sizeof(in->head);
    for (uint32_t i = 0; i < RUN_FDS; i++)
        in->fds[i] = frame_take(f, i);
    if (frame_get_step(f, RUN_FDS, &in->step) < 0)
        return err_set(err, EBADMSG, "bad request");
    return 0;
}

/* The first of a slot to be killed when memory is short, and out of reach of the program. */
static int protect(const struct init *in, struct err *err)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        return err_errno(err, "pdeathsig");
    if (in->spec->proc >= 0) {
        auto_fd int fd = openat(in->spec->proc, "self/oom_score_adj", O_WRONLY | O_CLOEXEC);

        if (fd >= 0)
            (void)!write(fd, "1000", 4);
    }
    return prctl(PR_SET_DUMPABLE, 0) < 0 ? err_errno(err, "dumpable") : 0;
}

static int wait_for_maps(int go, struct err *err)
{
    char byte;

    if (go < 0)
        return 0;
    return read(go, &byte, 1) == 1 ? 0 : err_set(err, EPIPE, "the stage is gone");
}

static int make_box(struct init *in, struct err *err)
{
    const struct stage_spec *st = in->spec->stage;
    int r = mount_run(&in->step.limits, &st->root, box_size(&in->step), in->step.n_files, err);

    if (r < 0)
        return r;
    if (chdir(STEP_WORK_DIR) < 0)
        return err_errno(err, "chdir");
    in->box = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (in->box < 0)
        return err_errno(err, "work directory");
    (void)umask(022);
    return box_fill(in->box, &in->step, &st->ids, err);
}

static int start(struct init *in, pid_t *ret_pid, struct err *err)
{
    const struct stage_spec *st = in->spec->stage;
    struct report rep = {.what = REPORT_STARTED};
    auto_fd int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    struct launch l = {.step = &in->step,
                       .ids = &st->ids,
                       .filter = &st->filter,
                       .in = in->step.stdin_fd >= 0 ? in->step.stdin_fd : null,
                       .out = in->step.stdout_fd > 0 ? in->step.stdout_fd : in->fds[RUN_STDOUT],
                       .err = in->fds[RUN_STDERR],
                       .report = in->fds[RUN_REPORT],
                       .ruleset = -1,
                       .alone = in->head.alone != 0};

    if (null < 0)
        return err_errno(err, "/dev/null");
    int r = launch_program(&l, ret_pid, &rep.at_ns, err);
    if (r < 0)
        return r;
    rep.init_us = clock_us(CLOCK_PROCESS_CPUTIME_ID);
    (void)report_send(in->fds[RUN_REPORT], &rep, -1);
    /* The keeper must see the end of the pipes when the program's side is closed. */
    (void)close(in->fds[RUN_STDOUT]);
    (void)close(in->fds[RUN_STDERR]);
    if (in->step.stdin_fd >= 0)
        (void)close(in->step.stdin_fd);
    if (in->step.stdout_fd > 0)
        (void)close(in->step.stdout_fd);
    in->step.stdin_fd = in->step.stdout_fd = -1;
    return 0;
}

/* Reaps until the program has ended; then kills what is left and reaps that. One kill(-1) is
 * enough: it holds the lock that a fork needs, and a fork under way fails with it pending. */
static int32_t reap(pid_t program)
{
    int32_t status = 0;
    int s;
    pid_t pid;

    do {
        pid = waitpid(-1, &s, 0);
        if (pid == program)
            status = s;
    } while (pid != program && (pid > 0 || errno == EINTR));
    (void)kill(-1, SIGKILL);
    while (waitpid(-1, &s, 0) > 0 || errno == EINTR)
        continue;
    return status;
}

static void report_end(struct init *in, int32_t status)
{
    struct rusage u;
    struct statvfs fs;
    struct report rep = {.what = REPORT_EXITED, .status = status, .at_ns = clock_mono_ns()};

    (void)getrusage(RUSAGE_CHILDREN, &u);
    rep.cpu_us = (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 +
                 (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
    rep.init_us = clock_us(CLOCK_PROCESS_CPUTIME_ID);
    rep.memory = (uint64_t)u.ru_maxrss * 1024;
    rep.switches_voluntary = (uint64_t)u.ru_nvcsw;
    rep.switches_forced = (uint64_t)u.ru_nivcsw;
    if (fstatvfs(in->box, &fs) == 0)
        rep.box_left = fs.f_ffree ? fs.f_bfree * fs.f_bsize : 0;
    (void)report_send(in->fds[RUN_REPORT], &rep, -1);
}

static int send_file(void *arg, const char *name, bool executable, int fd)
{
    struct init *in = arg;
    struct report rep = {.what = REPORT_FILE, .executable = executable};
    auto_fd int file = fd;

    (void)snprintf(rep.text, sizeof(rep.text), "%s", name);
    return report_send(in->fds[RUN_REPORT], &rep, file);
}

static int run(struct init *in, struct err *err)
{
    struct report done = {.what = REPORT_DONE};
    pid_t program;
    int r = read_request(in, err);

    if (r == 0)
        r = wait_for_maps(in->spec->go, err);
    if (r == 0)
        r = protect(in, err);
    if (r == 0)
        r = make_box(in, err);
    if (r == 0)
        r = start(in, &program, err);
    if (r < 0)
        return r;
    report_end(in, reap(program));
    (void)box_collect(in->box, &in->step, send_file, in);
    return report_send(in->fds[RUN_REPORT], &done, -1);
}

void init_main(const struct init_spec *spec)
{
    struct init in = {.spec = spec, .fds = {-1, -1, -1, -1}, .box = -1};
    struct err err = {0};
    struct report failed = {.what = REPORT_FAILED};

    if (run(&in, &err) < 0 && in.fds[RUN_REPORT] >= 0) {
        failed.status = err.code;
        memcpy(failed.text, err.text, sizeof(failed.text));
        (void)report_send(in.fds[RUN_REPORT], &failed, -1);
    }
    _exit(0);
}
