/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SANDBOX_WATCH_H
#define SANDBOX_WATCH_H
/*
 * One run, watched by the keeper: it is started, its output is taken, its limits are enforced,
 * and its outcome put together. Nothing is polled at intervals: every change arrives at a
 * descriptor, and CPU time is looked at when the rest of it could be used up at the earliest. Only
 * what no cgroup counts is looked at now and then.
 *
 *     IDLE -> LAUNCHING -> RUNNING -> ENDING -> REAPING -> IDLE
 *                  |          |          |         ^
 *                  +----------+--> DYING +---------+     DYING: we have killed it
 */
#include "sandbox/crowd.h"
#include "sandbox/report.h"
#include "sandbox/slot.h"
#include "sandbox/stream.h"
#include "sandbox/verdict.h"

#include <poll.h>

enum watch_state {
    WATCH_IDLE,
    WATCH_LAUNCHING, /* asked for */
    WATCH_RUNNING,   /* the program runs */
    WATCH_ENDING,    /* it has ended, files are coming */
    WATCH_DYING,     /* killed, not yet confirmed dead */
    WATCH_REAPING,   /* the outcome is known; the init cleans up, or is being reaped */
};

struct watch {
    struct slot *slot; /* borrowed */
    enum watch_state state;
    struct step step;
    struct slot_stage *stage;
    struct stream streams[2]; /* stdout, stderr */
    int listener;             /* -1 = none */
    int program;              /* a pidfd of it while it runs, or -1 */
    int terminal;             /* of its terminal, the outer end, until it is taken, or -1 */
    uint64_t asked_ns, started_ns, ended_ns;
    uint64_t wall_at_ns, cpu_at_ns, give_up_ns, oom_at_ns; /* deadlines, 0 = none */
    uint64_t quality_at_ns, memory_at_ns;                  /* others */
    struct thrash thrash;
    struct crowd crowd;   /* what was seen where no cgroup counts */
    uint64_t overhead_us; /* CPU time that was ours */
    uint64_t killed_us;   /* CPU time of the program when it was killed, 0 = it was not */
    enum verdict_kill kill;
    struct report exit;
    char refused[64];
    unsigned asked; /* of its listener, in filter_take()'s costs */
    char err_text[ERR_TEXT_MAX];
    struct step_outcome outcome;
    bool files_missed; /* not all files that were asked for could be taken */
    bool doubt;        /* the init must not be used again */
    bool clean;        /* the init has said so */
    bool deaf;         /* the init has closed its reports */
    bool told;         /* the outcome has been taken */
    bool lost;         /* the stage is dead, or dying */
    bool gone;         /* the init is dead, or never was */
};

/* What the caller is to do next; it may be several. */
enum watch_news {
    WATCH_STARTED = 1, /* tell that the program runs */
    WATCH_OUTCOME = 2, /* take watch->outcome (watch_take_outcome()) */
};

/* Pieces of output go here as they come. */
typedef void watch_piece(void *arg, uint8_t stream, struct span piece);

void watch_init(struct watch *w, struct slot *slot);
void watch_done(struct watch *w);
/* Starts a step; takes it. When it cannot be started its outcome is there at once. */
unsigned watch_start(struct watch *w, struct step *step);
void watch_kill(struct watch *w, enum verdict_kill why);
/* Sends a signal to the program, and to it alone; nothing while none runs. */
void watch_signal(struct watch *w, int signal);

enum { WATCH_FDS = 8 };
/* Fills `fds` (unused ones are -1) and *ret_timeout_ns (UINT64_MAX = none). */
void watch_poll(const struct watch *w, struct pollfd fds[WATCH_FDS], uint64_t *ret_timeout_ns);
/* After the poll. Returns a set of enum watch_news. */
unsigned watch_handle(struct watch *w, const struct pollfd fds[WATCH_FDS], watch_piece *piece,
                      void *arg);
/* Hands the outcome over. */
void watch_take_outcome(struct watch *w, struct step_outcome *ret);
#endif
