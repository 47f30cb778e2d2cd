/* SPDX-License-Identifier: MPL-2.0 */
#include "sandbox/watch.h"

#include "base/clock.h"
#include "sandbox/begin.h"
#include "sandbox/budget.h"
#include "sandbox/charge.h"
#include "sandbox/copyout.h"
#include "sandbox/frame.h"
#include "sandbox/mutant.h"
#include "sandbox/outcome.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

enum { FD_STAGE, FD_REPORT, FD_OUT, FD_ERR, FD_OOM, FD_LISTENER, FD_REQUEST, FD_CROWD };

#define NS_PER_MS 1000000ULL
#define LAUNCH_NS (30000 * NS_PER_MS)
#define ENDING_NS (5000 * NS_PER_MS)
#define DYING_NS (10000 * NS_PER_MS)

static void shut(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

void watch_init(struct watch *w, struct slot *slot)
{
    *w = (struct watch){.slot = slot, .listener = -1, .program = -1, .terminal = -1};
    w->step.stdin_fd = -1;
    crowd_init(&w->crowd);
    for (unsigned i = 0; i < 2; i++)
        w->streams[i].fd = w->streams[i].theirs = -1;
}

/* Back to IDLE; what is borrowed from the run is given back. */
static void reset(struct watch *w)
{
    struct slot *slot = w->slot;

    for (unsigned i = 0; i < 2; i++) {
        stream_done(&w->streams[i]);
    }
    crowd_done(&w->crowd);
    scratch_forget(&slot->scratch);
    shut(&w->listener);
    shut(&w->program);
    shut(&w->terminal);
    frame_step_done(&w->step);
    step_outcome_done(&w->outcome);
    watch_init(w, slot);
}

void watch_done(struct watch *w)
{
    reset(w);
}

unsigned watch_start(struct watch *w, struct step *step)
{
    struct err err = {0};

    w->asked_ns = clock_mono_ns();
    w->step = *step;
    *step = (struct step){.stdin_fd = -1};
    if (begin_run(w, &err) == 0) {
        w->state = WATCH_LAUNCHING;
        w->give_up_ns = w->asked_ns + LAUNCH_NS;
        return 0;
    }
    memcpy(w->err_text, err.text, sizeof(w->err_text));
    w->kill = KILL_BROKEN;
    w->state = WATCH_REAPING;
    outcome_decide(w);
    /* The stage and its init, if there are any, were not touched. The next one must be able to be
     * born. */
    cgroup_end(w->slot->cgroup, false);
    w->stage = NULL;
    w->gone = true;
    return WATCH_OUTCOME;
}

void watch_kill(struct watch *w, enum verdict_kill why)
{
    if (w->state != WATCH_LAUNCHING && w->state != WATCH_RUNNING && w->state != WATCH_ENDING)
        return;
    /* A program that has ended by itself keeps its end. */
    if (w->state != WATCH_ENDING)
        w->kill = why;
    w->state = WATCH_DYING;
    w->wall_at_ns = w->cpu_at_ns = w->oom_at_ns = w->quality_at_ns = w->memory_at_ns = 0;
    w->give_up_ns = clock_mono_ns() + DYING_NS;
    w->ended_ns = w->ended_ns ? w->ended_ns : clock_mono_ns();
    if (!cgroup_kill(w->slot->cgroup) && w->stage->init.pidfd >= 0)
        (void)syscall(SYS_pidfd_send_signal, w->stage->init.pidfd, SIGKILL, NULL, 0);
    crowd_stop(&w->crowd);
    if (w->kill == KILL_NONE)
        return;
    if (w->slot->isolation.cgroups)
        charge_now(&w->slot->home.cpus);
    w->killed_us = outcome_cpu_us(w);
}

void watch_signal(struct watch *w, int signal)
{
    if (w->state == WATCH_RUNNING && w->program >= 0)
        (void)syscall(SYS_pidfd_send_signal, w->program, signal, NULL, 0);
}

static void break_run(struct watch *w, const char *why)
{
    (void)snprintf(w->err_text, sizeof(w->err_text), "%s", why);
    watch_kill(w, KILL_BROKEN);
}

/* --- what arrives --- */

static void take_output(struct watch *w, unsigned i, watch_piece *piece, void *arg)
{
    struct span got = {NULL, 0};
    int r;

    do {
        got.len = 0;
        r = stream_take(&w->streams[i], &got);
        if (w->step.stream && got.len)
            piece(arg, (uint8_t)i, got);
    } while (r == 1);
    if (r < 0)
        watch_kill(w, KILL_OUTPUT);
}

static void on_started(struct watch *w, const struct report *r)
{
    w->overhead_us = r->init_us;
    w->started_ns = r->at_ns;
    if (w->state != WATCH_LAUNCHING)
        return;
    w->state = WATCH_RUNNING;
    w->stage->init.near = NEAR_NOWHERE;
    w->give_up_ns = 0;
    w->wall_at_ns = w->started_ns + w->step.limits.wall_ms * NS_PER_MS;
    quality_begin(&w->slot->quality);
    w->quality_at_ns = w->started_ns + QUALITY_LOOK_MS * NS_PER_MS;
    budget_look(w);
}

/* All there is has been said. */
static unsigned on_done(struct watch *w)
{
    if (w->state != WATCH_ENDING)
        return 0;
    w->state = WATCH_REAPING;
    return WATCH_OUTCOME;
}

/* Returns news: it may tell of a start too. */
static unsigned on_exited(struct watch *w, const struct report *r)
{
    unsigned news = 0;

    w->exit = *r;
    w->overhead_us = r->init_us;
    if (w->state == WATCH_LAUNCHING && r->started_ns) {
        w->started_ns = r->started_ns;
        news = WATCH_STARTED;
    } else if (w->state != WATCH_RUNNING) {
        return 0;
    }
    w->state = WATCH_ENDING;
    crowd_stop(&w->crowd);
    w->ended_ns = r->at_ns;
    w->wall_at_ns = w->cpu_at_ns = w->quality_at_ns = w->memory_at_ns = 0;
    w->give_up_ns = clock_mono_ns() + ENDING_NS;
    return r->done ? news | on_done(w) : news;
}

static void on_file(struct watch *w, const struct report *r, int fd)
{
    struct step_file file = {.fd = -1, .executable = r->executable != 0};
    struct step_outcome *o = &w->outcome;

    if (w->state != WATCH_ENDING || o->n_files >= STEP_FILES_OUT)
        return;
    (void)snprintf(file.name, sizeof(file.name), "%.*s", LIMIT_FILE_NAME, r->text);
    file.fd = copyout(fd, w->step.limits.file_size);
    if (file.fd < 0) {
        w->kill = KILL_BROKEN;
        (void)snprintf(w->err_text, sizeof(w->err_text), "%s cannot be kept: %s", file.name,
                       strerror(-file.fd));
        return;
    }
    o->files = own_realloc(o->files, (o->n_files + 1) * sizeof(*o->files));
    o->files[o->n_files++] = file;
}

/* It comes with the process that waits to be a program: before its run, or, where nothing is made
 * ready ahead, in it. */
static void on_listener(struct watch *w, int *fd)
{
    int *at = w->state == WATCH_LAUNCHING ? &w->listener : &w->stage->init.listener;

    shut(at);
    *at = own_fd_steal(fd);
}

/* One report. Returns news. */
static unsigned on_report(struct watch *w, const struct report *r, int *fd)
{
    switch (r->what) {
    case REPORT_LISTENER:
        on_listener(w, fd);
        return 0;
    case REPORT_TERMINAL:
        w->terminal = own_fd_steal(fd);
        return 0;
    case REPORT_STARTED:
        w->program = own_fd_steal(fd);
        on_started(w, r);
        return WATCH_STARTED;
    case REPORT_FAILED:
        break_run(w, r->text);
        return 0;
    case REPORT_EXITED:
        return on_exited(w, r);
    case REPORT_FILE:
        on_file(w, r, *fd);
        return 0;
    case REPORT_DONE:
        w->files_missed = r->status != 0;
        return on_done(w);
    case REPORT_CLEAN:
        w->clean = true;
        return 0;
    default:
        return 0;
    }
}

static unsigned take_reports(struct watch *w)
{
    unsigned news = 0;
    struct report r;
    int got = 1;

    /* Who has said all there is of the run has no more to say just then. */
    while (got == 1 && !(news & WATCH_OUTCOME)) {
        auto_fd int fd = -1;

        got = report_read(w->stage->init.report, &r, &fd);
        if (got == 1)
            news |= on_report(w, &r, &fd);
    }
    w->deaf = got < 0;
    return news;
}

/* Before Linux 6.11 asking a listener that has nothing to say blocks for good, even when every
 * process behind it is dead: it is asked only while the poll says that there is something. */
static void take_refusals(struct watch *w)
{
    struct pollfd p = {.fd = w->listener, .events = POLLIN};
    struct refusal r;
    int got = 0;

    while (got >= 0 && poll(&p, 1, 0) == 1 && (p.revents & POLLIN)) {
        got = filter_take(w->listener, w->stage->spec.filter.flags, &r);
        if (got <= 0)
            continue;
        if (r.deadly || (r.named && !w->refused[0]))
            memcpy(w->refused, r.name, sizeof(w->refused));
        if (r.deadly)
            watch_kill(w, KILL_SYSCALL);
        /* Without a listener a refused call is ENOSYS: a flood of them costs us nothing. */
        w->asked += r.cost;
        if (r.deadly || w->asked >= FILTER_COST_MAX)
            break;
    }
    if (got < 0 || w->asked >= FILTER_COST_MAX || w->kill == KILL_SYSCALL ||
        (p.revents & (POLLHUP | POLLERR)))
        shut(&w->listener);
}

static void take_oom(struct watch *w, uint64_t now)
{
    /* The news may come a little before the kill is counted: then look again. */
    if (cgroup_oom_read(w->slot->cgroup) > 0)
        watch_kill(w, KILL_MEMORY);
    else
        w->oom_at_ns = now + NS_PER_MS;
}

/* The stage says that the init and every process under it is gone, or has died itself. */
static unsigned take_stage(struct watch *w)
{
    struct frame f;
    int got = channel_get(&w->stage->link, &f);
    unsigned news = 0;

    if (got == 0)
        return 0;
    if (got == 1) {
        frame_done(&f);
        if (!w->deaf)
            news = take_reports(w);
    }
    w->lost = got < 0;
    w->gone = true;
    if (w->state == WATCH_REAPING)
        return news;
    if (w->state == WATCH_LAUNCHING || w->state == WATCH_RUNNING) {
        w->kill = KILL_BROKEN;
        w->ended_ns = clock_mono_ns();
        /* An init that the kernel chose to kill for memory takes the run with it. */
        if (cgroup_oom_read(w->slot->cgroup) > 0)
            w->kill = KILL_MEMORY;
        (void)snprintf(w->err_text, sizeof(w->err_text), "the run's init is gone");
    }
    w->state = WATCH_REAPING;
    return news | WATCH_OUTCOME;
}

static void on_deadline(struct watch *w, uint64_t now)
{
    if (w->wall_at_ns && now >= w->wall_at_ns)
        budget_kill(w, KILL_WALL);
    if (w->cpu_at_ns && now >= w->cpu_at_ns)
        budget_look(w);
    if (w->oom_at_ns && now >= w->oom_at_ns) {
        w->oom_at_ns = 0;
        take_oom(w, now);
    }
    if (w->quality_at_ns && now >= w->quality_at_ns) {
        w->quality_at_ns = 0;
        quality_look(&w->slot->quality);
        w->memory_at_ns = now;
    }
    if (w->memory_at_ns && now >= w->memory_at_ns)
        budget_look_at_memory(w);
    if (!w->give_up_ns || now < w->give_up_ns)
        return;
    w->give_up_ns = 0;
    if (w->state == WATCH_DYING || w->state == WATCH_REAPING)
        (void)kill(w->stage->pid, SIGKILL);
    else
        break_run(w, "the run does not get on");
}

/* What the next run needs, made while nobody waits for it; what fails here is tried again then. */
static void get_ready(struct watch *w)
{
    for (unsigned i = 0; i < ARRAY_LEN(w->streams); i++)
        (void)stream_prepare(&w->streams[i], NULL);
}

/* Once the outcome is told: is the slot ready for the next run, and with which init? */
static void settle(struct watch *w)
{
    struct slot_stage *st = w->stage;

    if (w->state != WATCH_REAPING || !w->told)
        return;
    if (w->gone && st) {
        slot_buried(st);
        cgroup_end(w->slot->cgroup, false);
        /* A stage that has died with its init is made anew when it is asked for. Its socket closes
         * before its last process is dead, so it is dropped, which waits for that. */
        if (!w->lost && slot_alive(st))
            (void)slot_birth(w->slot, st, NULL);
        else
            slot_drop(st);
    } else if (w->clean && !w->doubt && cgroup_is_quiet(w->slot->cgroup)) {
        cgroup_end(w->slot->cgroup, true);
    } else if (w->clean) {
        w->clean = false;
        w->doubt = true;
        channel_done(&st->init.link);
        return;
    } else if (!w->gone) {
        return;
    }
    reset(w);
    get_ready(w);
}

void watch_poll(const struct watch *w, struct pollfd fds[WATCH_FDS], uint64_t *ret_timeout_ns)
{
    const bool live = w->state != WATCH_IDLE && w->stage;
    /* What a program does before its init could tell of it is looked at with that news, or with its
     * end: who has to wait for us lets its init run, and most that end at once wake us once. */
    const bool hears =
        w->state > WATCH_LAUNCHING || (w->state == WATCH_LAUNCHING && w->step.stream);
    /* A program that is traced asks before its first instruction too. */
    const bool asks = (hears && w->state <= WATCH_RUNNING) || (live && MUTANT(traced_calls));
    const int want[WATCH_FDS] = {
        [FD_STAGE] = live ? w->stage->link.fd : -1,
        [FD_REPORT] = live && !w->deaf ? w->stage->init.report : -1,
        [FD_OUT] = hears ? w->streams[0].fd : -1,
        [FD_ERR] = hears ? w->streams[1].fd : -1,
        [FD_OOM] = w->state == WATCH_RUNNING ? cgroup_oom_fd(w->slot->cgroup) : -1,
        [FD_LISTENER] = asks ? w->listener : -1,
        /* A request may be more than its socket takes at once. */
        [FD_REQUEST] = live && channel_waits(&w->stage->init.link) ? w->stage->init.link.fd : -1,
        [FD_CROWD] = w->crowd.looker.answer,
    };
    const uint64_t at[] = {w->wall_at_ns, w->cpu_at_ns,     w->give_up_ns,
                           w->oom_at_ns,  w->quality_at_ns, w->memory_at_ns};
    uint64_t first = UINT64_MAX, now = clock_mono_ns();

    for (unsigned i = 0; i < WATCH_FDS; i++)
        fds[i] = (struct pollfd){.fd = want[i], .events = i == FD_REQUEST ? POLLOUT : POLLIN};
    for (unsigned i = 0; i < ARRAY_LEN(at); i++)
        if (at[i] && at[i] < first)
            first = at[i];
    *ret_timeout_ns = first == UINT64_MAX ? first : first > now ? first - now : 0;
}

unsigned watch_handle(struct watch *w, const struct pollfd fds[WATCH_FDS], watch_piece *piece,
                      void *arg)
{
    unsigned news = 0;

    /* An init that takes no more of it is dead, which its stage will say. */
    if (fds[FD_REQUEST].revents && channel_flush(&w->stage->init.link) < 0)
        channel_done(&w->stage->init.link);
    if (fds[FD_LISTENER].revents)
        take_refusals(w);
    if (fds[FD_OUT].revents)
        take_output(w, 0, piece, arg);
    if (fds[FD_ERR].revents)
        take_output(w, 1, piece, arg);
    if (fds[FD_OOM].revents)
        take_oom(w, clock_mono_ns());
    if (fds[FD_CROWD].revents)
        budget_hear(w);
    if (fds[FD_REPORT].revents)
        news |= take_reports(w);
    if (fds[FD_STAGE].revents && !(news & WATCH_OUTCOME))
        news |= take_stage(w);
    if (w->state != WATCH_IDLE)
        on_deadline(w, clock_mono_ns());
    if (news & WATCH_OUTCOME) {
        /* All writers are dead: what is in the pipes is all there will be. */
        take_output(w, 0, piece, arg);
        take_output(w, 1, piece, arg);
        outcome_decide(w);
    }
    settle(w);
    return news;
}

void watch_take_outcome(struct watch *w, struct step_outcome *ret)
{
    struct stream *s = w->streams;

    *ret = w->outcome;
    w->outcome = (struct step_outcome){.exit_code = -1};
    ret->out.data = buf_steal(&s[0].data, &ret->out.len);
    ret->err.data = buf_steal(&s[1].data, &ret->err.len);
    w->told = true;
    w->give_up_ns = clock_mono_ns() + DYING_NS;
    settle(w);
}
