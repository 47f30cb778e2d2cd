/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SANDBOX_FRAME_H
#define SANDBOX_FRAME_H
/*
 * What the frames of a channel say: the bytes of a step, of an outcome, of news in between.
 * Both ends are the same build on the same machine, so numbers are in the machine's order;
 * every length is checked all the same, and a bad body is -EBADMSG. Pure but for memory.
 */
#include "sandbox/channel.h"
#include "sandbox/keeper.h"
#include "sandbox/step.h"

enum frame_type {
    FRAME_STEP = 1, /* to the keeper: a step; descriptors: files, stdin, stdout, stderr */
    FRAME_KILL,     /* to the keeper: no body */
    FRAME_READY,    /* struct keeper_info */
    FRAME_STARTED,  /* no body; descriptor: the other end of its terminal, if it has one */
    FRAME_PIECE,    /* a byte for the stream, then the bytes */
    FRAME_FILES,    /* some of the files that came out; before FRAME_OUTCOME */
    FRAME_OUTCOME,
    FRAME_BIRTH,  /* to a stage: make an init; descriptors as enum birth_fd */
    FRAME_RUN,    /* to an init: a step; descriptors as enum run_fd, then those of the step */
    FRAME_REAPED, /* from a stage: its init, and all that it started, is gone */
    FRAME_FAILED, /* from a stage: text; it could not be set up */
    FRAME_SIGNAL, /* to the keeper: a byte, the signal's number; to the program that runs */
    FRAME_ENDED,  /* FRAME_STARTED and FRAME_OUTCOME in one */
};

enum { FRAME_FILES_MAX = 64 };

/* The bytes of a step, descriptors aside. 0 or -E2BIG when it is over the limits of step.h. */
int frame_put_step(struct buf *b, const struct step *step);
/* Its descriptors, in order. Returns how many. `fds` holds CHANNEL_FDS. */
uint32_t frame_step_fds(const struct step *step, int *fds);
/* Reads a step; its descriptors are those of the frame from `first` on, and are taken out of it.
 * Freed with frame_step_done(). 0 or -EBADMSG. */
int frame_get_step(struct frame *f, uint32_t first, struct step *ret_step);
void frame_step_done(struct step *step);

int frame_put_info(struct buf *b, const struct keeper_info *info);
int frame_get_info(struct span body, struct keeper_info *ret_info);

/* Files first..first+n of an outcome; n <= FRAME_FILES_MAX. */
int frame_put_files(struct buf *b, const struct step_outcome *o, uint32_t first, uint32_t n);
/* Adds the frame's files to the outcome. */
int frame_get_files(struct frame *f, struct step_outcome *o);
/* All of an outcome but its files. */
int frame_put_outcome(struct buf *b, const struct step_outcome *o);
int frame_get_outcome(struct span body, struct step_outcome *o);
#endif
