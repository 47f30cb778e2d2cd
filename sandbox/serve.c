/* SPDX-License-Identifier: MPL-2.0 */
#include "sandbox/serve.h"

#include "sandbox/frame.h"
#include "sandbox/mutant.h"
#include "sandbox/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>

struct server {
    struct channel daemon;
    struct slot slot;
    struct watch watch;
};

static const struct span nothing = {NULL, 0};

static int say_ready(struct server *s)
{
    auto_buf struct buf b;
    struct keeper_info info = {0};

    buf_init(&b, CHANNEL_BODY);
    (void)snprintf(info.level, sizeof(info.level), "%s", level_name(level_of(&s->slot.isolation)));
    level_lacks(&s->slot.isolation, info.lacks, sizeof(info.lacks));
    (void)frame_put_info(&b, &info);
    return channel_put(&s->daemon, FRAME_READY, buf_span(&b), NULL, 0);
}

static int say_files(struct server *s, const struct step_outcome *o)
{
    int fds[FRAME_FILES_MAX];

    for (uint32_t first = 0; first < o->n_files; first += FRAME_FILES_MAX) {
        auto_buf struct buf b;
        uint32_t n = o->n_files - first < FRAME_FILES_MAX ? o->n_files - first : FRAME_FILES_MAX;

        buf_init(&b, CHANNEL_BODY);
        (void)frame_put_files(&b, o, first, n);
        for (uint32_t i = 0; i < n; i++)
            fds[i] = o->files[first + i].fd;
        int r = channel_put(&s->daemon, FRAME_FILES, buf_span(&b), fds, n);
        if (r < 0)
            return r;
    }
    return 0;
}

static int say_outcome(struct server *s, enum frame_type type)
{
    struct step_outcome o;
    auto_buf struct buf b;

    buf_init(&b, CHANNEL_BODY);
    watch_take_outcome(&s->watch, &o);
    int r = say_files(s, &o);
    if (r == 0)
        r = frame_put_outcome(&b, &o);
    if (r == 0)
        r = channel_put(&s->daemon, type, buf_span(&b), NULL, 0);
    step_outcome_done(&o);
    return r;
}

static void on_piece(void *arg, uint8_t stream, struct span piece)
{
    struct server *s = arg;
    auto_buf struct buf b;

    buf_init(&b, CHANNEL_BODY);
    (void)buf_putc(&b, stream);
    (void)buf_put(&b, piece.data, piece.len);
    /* A daemon that is gone is noticed when its socket is read. */
    (void)channel_put(&s->daemon, FRAME_PIECE, buf_span(&b), NULL, 0);
}

static int say_started(struct server *s)
{
    auto_fd int terminal = own_fd_steal(&s->watch.terminal);

    return channel_put(&s->daemon, FRAME_STARTED, nothing, &terminal, terminal >= 0);
}

static int on_news(struct server *s, unsigned news)
{
    if (news == (WATCH_STARTED | WATCH_OUTCOME) && s->watch.terminal < 0)
        return say_outcome(s, FRAME_ENDED);
    int r = news & WATCH_STARTED ? say_started(s) : 0;
    return r == 0 && (news & WATCH_OUTCOME) ? say_outcome(s, FRAME_OUTCOME) : r;
}

static int on_frame(struct server *s, struct frame *f)
{
    struct step step;

    if (f->type == FRAME_KILL) {
        watch_kill(&s->watch, KILL_ASKED);
        return 0;
    }
    if (f->type == FRAME_SIGNAL && f->body.len == 1 && f->body.data[0] < NSIG) {
        watch_signal(&s->watch, f->body.data[0]);
        return 0;
    }
    if (f->type != FRAME_STEP || s->watch.state != WATCH_IDLE)
        return -EBADMSG;
    int r = frame_get_step(f, 0, &step);
    if (r < 0)
        return r;
    mutant_limits(&step.limits);
    return on_news(s, watch_start(&s->watch, &step));
}

/* While a run is being reaped the next step waits in the socket. */
static bool listens(const struct server *s)
{
    return s->watch.state != WATCH_REAPING;
}

static int on_daemon(struct server *s)
{
    struct frame f;
    int r = 0;

    /* What has not arrived yet the next poll tells. */
    while (r == 0 && listens(s)) {
        int got = channel_get(&s->daemon, &f);

        if (got <= 0)
            return got;
        r = on_frame(s, &f);
        frame_done(&f);
        if (!channel_has(&s->daemon))
            break;
    }
    return r;
}

static int turn(struct server *s)
{
    struct pollfd fds[WATCH_FDS + 1];
    struct pollfd *ours = &fds[WATCH_FDS];
    uint64_t ns;

    watch_poll(&s->watch, fds, &ns);
    /* A hang-up is told even when nothing is asked for: what we do not read we do not look at. */
    *ours = (struct pollfd){.fd = listens(s) || channel_waits(&s->daemon) ? s->daemon.fd : -1,
                            .events = listens(s) ? POLLIN : 0};
    if (channel_waits(&s->daemon))
        ours->events |= POLLOUT;
    struct timespec ts = {(time_t)(ns / 1000000000ULL), (long)(ns % 1000000000ULL)};
    int n = ppoll(fds, ARRAY_LEN(fds), ns == UINT64_MAX ? NULL : &ts, NULL);
    if (n < 0)
        return errno == EINTR ? 0 : -errno;
    int r = ours->revents & POLLOUT ? channel_flush(&s->daemon) : 0;
    if (r == 0)
        r = on_news(s, watch_handle(&s->watch, fds, on_piece, s));
    if (r == 0 && (ours->revents & (POLLIN | POLLHUP | POLLERR)))
        r = on_daemon(s);
    return r;
}

/* The keeper must get a CPU at once when a deadline passes, whatever its runs do to the machine; it
 * uses very little. Neither the class nor the nice value is inherited by what it starts. Without
 * the right to either it is as it is. */
static void hurry(void)
{
    struct sched_param first = {.sched_priority = 1};

    (void)prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
    if (sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &first) == 0)
        return;
    if (setpriority(PRIO_PROCESS, 0, -10) == 0) {
        first.sched_priority = 0;
        (void)sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, &first);
    }
}

int serve(const struct serve_options *options, int *fd, struct err *err)
{
    struct server *s = own_calloc(1, sizeof(*s));
    int r = 0;

    hurry();
    (void)signal(SIGPIPE, SIG_IGN);
    /* Also of those under way between processes, which a program of this user has part in. */
    own_fd_room();
    if (fcntl(*fd, F_SETFL, O_NONBLOCK) < 0 || fcntl(*fd, F_SETFD, FD_CLOEXEC) < 0)
        r = err_errno(err, "socket");
    channel_init(&s->daemon, fd);
    slot_init(&s->slot, options->profiles, options->fresh);
    s->slot.mitigations = options->mitigations;
    watch_init(&s->watch, &s->slot);
    enum level level = level_of(&s->slot.isolation);
    if (level < options->min || level == LEVEL_NONE)
        r = err_set(err, EPERM, "isolation level %s is below the minimum %s: %s", level_name(level),
                    level_name(options->min), s->slot.why);
    const bool serving = r == 0;
    if (serving)
        r = say_ready(s);
    while (r == 0)
        r = turn(s);
    watch_done(&s->watch);
    slot_done(&s->slot);
    channel_done(&s->daemon);
    free(s);
    /* The daemon's end of the socket is how it says that it is done with us. */
    if (serving && r == -EPIPE)
        return 0;
    return serving ? err_set(err, r, "serving: %s", strerror(-r)) : r;
}
