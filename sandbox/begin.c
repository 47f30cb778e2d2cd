/* SPDX-License-Identifier: MPL-2.0 */
#include "sandbox/begin.h"

#include "sandbox/frame.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

enum { RUNS_MAX = 1000 };

/* A regular stdin is reopened: its offset may be shared with other slots, and what was opened
 * for writing must not be handed to a program. */
static int own_stdin(struct step *step, struct err *err)
{
    char path[64];
    struct stat st;

    if (step->stdin_fd < 0 || fstat(step->stdin_fd, &st) < 0 || !S_ISREG(st.st_mode))
        return 0;
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", step->stdin_fd);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, "stdin");
    (void)close(step->stdin_fd);
    step->stdin_fd = fd;
    return 0;
}

/* Brings the init to where the daemon has brought us, or lets it go. True when it is held. */
static bool place_init(struct watch *w)
{
    struct slot_init *in = &w->stage->init;
    const int here = near_held(&w->slot->home);

    if (in->pid == 0 && here != NEAR_NOWHERE) {
        auto_fd int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        in->pid = crowd_pid(proc, in->pidfd);
    }
    if (here != NEAR_NOWHERE && in->pid > 0)
        in->near = near_bring(in->pid, in->near);
    else if (in->near != NEAR_NOWHERE)
        in->near = near_return(&w->slot->home, in->pid);
    return in->near != NEAR_NOWHERE;
}

/* Sends the request to the init. */
static int ask(struct watch *w, struct err *err)
{
    struct slot_init *in = &w->stage->init;
    struct run_head head = {.alone = !w->slot->isolation.cgroups,
                            .near = place_init(w),
                            .last = w->slot->isolation.fresh || ++in->runs >= RUNS_MAX};
    auto_buf struct buf b;
    int fds[CHANNEL_FDS];

    buf_init(&b, CHANNEL_BODY);
    (void)buf_put(&b, &head, sizeof(head));
    if (frame_put_step(&b, &w->step) < 0)
        return err_set(err, E2BIG, "the step is over its limits");
    fds[RUN_STDOUT] = w->streams[0].theirs;
    fds[RUN_STDERR] = w->streams[1].theirs;
    uint32_t n = RUN_FDS + frame_step_fds(&w->step, fds + RUN_FDS);
    int r = channel_put(&in->link, FRAME_RUN, buf_span(&b), fds, n);
    return r < 0 ? err_set(err, r, "the init takes no run: %s", strerror(-r)) : 0;
}

int begin_run(struct watch *w, struct err *err)
{
    int r = slot_stage(w->slot, w->step.profile, w->step.phase, &w->stage, err);
    if (r == 0)
        r = own_stdin(&w->step, err);
    if (r == 0)
        r = slot_ready(w->slot, w->stage, err);
    if (r == 0)
        r = cgroup_begin(w->slot->cgroup, w->stage->init.group, &w->step.limits,
                         w->slot->isolation.spaces ? 1 : 0, err);
    if (r == 0)
        r = stream_open(&w->streams[0], w->step.limits.output, err);
    if (r == 0)
        r = stream_open(&w->streams[1], w->step.limits.output, err);
    if (r == 0) {
        scratch_begin(&w->slot->scratch);
        r = ask(w, err);
    }
    if (r == 0)
        w->listener = own_fd_steal(&w->stage->init.listener);
    return r;
}
