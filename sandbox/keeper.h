/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SANDBOX_KEEPER_H
#define SANDBOX_KEEPER_H
/*
 * The daemon's side of one slot: a SOCK_SEQPACKET/STREAM socket whose other end is a resident
 * `arena-sandbox serve` process, which the caller has spawned. Frames and descriptors only;
 * no process is started here. One step at a time per slot. Non-blocking: the caller polls
 * keeper_fd() and calls keeper_read(). One thread.
 *
 * The keeper process is trusted, what it runs is not: a keeper that sends nonsense or dies is
 * -EPIPE or -EBADMSG here, and the caller kills it, starts another and retries the step.
 */
#include "sandbox/step.h"

struct keeper;

/* A connected pair for a new keeper: [0] ours (CLOEXEC, non-blocking), [1] for the child. */
int keeper_pair(int ret_fds[2], struct err *err);
/* Takes our end. */
struct keeper *keeper_new(int *fd);
void keeper_free(struct keeper *k);
int keeper_fd(const struct keeper *k);

/* What the keeper found out about this machine; valid once `ready` was read. */
struct keeper_info {
    char level[16];         /* full, ns, ns-noproc, lsm */
    char lacks[LIMIT_TEXT]; /* what that level is without, in words; "" = nothing */
};

enum keeper_what {
    KEEPER_NOTHING, /* poll again */
    KEEPER_READY,   /* it has set itself up; *ret_info */
    KEEPER_STARTED, /* the program's first instruction; `terminal`, which is the reader's to close
                     */
    KEEPER_PIECE,   /* output while it runs */
    KEEPER_OUTCOME, /* the end; *ret_outcome, to be given back with step_outcome_done() */
};

struct keeper_news {
    enum keeper_what what;
    struct keeper_info info;
    int terminal; /* -1 = it has none */
    uint8_t stream;
    struct span piece;
    struct step_outcome outcome;
};

/* Before each keeper_send() of a caller that cares; `pid` is the keeper's process. `near`: the run
 * begins on the caller's CPU, and the calling thread is held there: right when nothing else wants a
 * CPU, wrong when much does. Not near: it begins where the kernel likes, and the caller is let go
 * of. A wish. */
void keeper_place(struct keeper *k, pid_t pid, bool near);
/* The calling thread may use all its CPUs again. When a keeper of its says that a program goes on,
 * or is lost, that is done already; when one says that a run is over it is not, since the next may
 * begin soon, and is the caller's to do when none does. Also before it starts a process or thread,
 * which would be born held. */
void keeper_let_go(void);
/* Sends a step. 0; -EBUSY when one runs; -EPIPE when the keeper is gone. */
int keeper_send(struct keeper *k, const struct step *step, struct err *err);
/* Asks it to kill what runs; the outcome still comes, with end KILLED. */
int keeper_kill(struct keeper *k);
/* Asks it to send a signal to the program that runs, and to no other of its processes. */
int keeper_signal(struct keeper *k, int signal);
/* One piece of news; call until KEEPER_NOTHING. 0 or a negative errno: the keeper is lost. */
int keeper_read(struct keeper *k, struct keeper_news *ret_news, struct err *err);
#endif
