/* SPDX-License-Identifier: MPL-2.0 */
#include "sandbox/begin.h"

#include "sandbox/frame.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
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

/* Has it ended? Then its number may be another's. */
static bool has_ended(int pidfd)
{
    struct pollfd p = {.fd = pidfd, .events = POLLIN};

    return poll(&p, 1, 0) != 0;
}

/* Brings the init to where the daemon has brought us, or lets it go. True when it is held. */
static bool place_init(struct watch *w)
{
    struct slot_init *in = &w->stage->init;
    const int here = near_held(&w->slot->home);

    if (here == in->near || has_ended(in->pidfd))
        return in->near != NEAR_NOWHERE;
    if (in->pid == 0) {
        auto_fd int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        in->pid = crowd_pid(proc, in->pidfd);
    }
    if (here == NEAR_NOWHERE)
        in->near = near_return(&w->slot->home, in->pid);
    else if (in->pid > 0)
        in->near = near_bring(in->pid, in->near);
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

/* Hands the step to an init; `check`: to one that was just seen alive. */
static int hand_over(struct watch *w, bool check, struct err *err)
{
    struct slot *s = w->slot;
    int r = slot_stage(s, w->step.profile, w->step.phase, &w->stage, err);

    if (r == 0 && check && !slot_check(w->stage))
        r = slot_stage(s, w->step.profile, w->step.phase, &w->stage, err);
    if (r == 0)
        r = slot_ready(s, w->stage, err);
    if (r == 0)
        r = cgroup_begin(s->cgroup, w->stage->init.group, &w->step.limits,
                         s->isolation.spaces ? 1 : 0, err);
    if (r < 0)
        return r;
    scratch_begin(&s->scratch);
    r = ask(w, err);
    if (r == 0)
        w->listener = own_fd_steal(&w->stage->init.listener);
    return r;
}

int begin_run(struct watch *w, struct err *err)
{
    /* Where no namespace dies with it, a stage is dead before its init is, which still takes it. */
    const bool check = !w->slot->isolation.spaces;
    int r = own_stdin(&w->step, err);

    if (r == 0)
        r = stream_open(&w->streams[0], w->step.limits.output, err);
    if (r == 0)
        r = stream_open(&w->streams[1], w->step.limits.output, err);
    if (r == 0)
        r = hand_over(w, check, err);
    /* Who has died since it was heard last takes nothing. Whatever else may be the matter, nobody
     * is left who could have taken a part. */
    if (r == -EPIPE && w->stage) {
        cgroup_end(w->slot->cgroup, false);
        slot_drop(w->stage);
        r = hand_over(w, false, err);
    }
    return r;
}
