/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SANDBOX_SCRATCH_H
#define SANDBOX_SCRATCH_H
/*
 * The work directory of level lsm, where none can be mounted: a directory of the machine, one
 * for each keeper, with a single "run" in it that is made for a run and gone after it. Nobody
 * bounds its size but who looks (scratch_is_full()). A directory whose keeper is dead is removed
 * by the next that starts.
 *
 * Steps name it STEP_WORK_DIR; scratch_rename() puts its true name into their words.
 */
#include "base/err.h"
#include "sandbox/looker.h"
#include "sandbox/step.h"
#include "sandbox/userns.h"

enum { SCRATCH_PATH = 256 };

struct scratch {
    int dir;                /* the keeper's, locked while it lives; -1 = none */
    char run[SCRATCH_PATH]; /* path of the run's directory, there or not */

    /* scratch_is_full()'s: */
    struct looker looker;
    uint64_t free, free_asked; /* bytes of its file system: without the run, and when it was sent */
    uint64_t risen;            /* by so much since the run was last seen whole */
    bool alarm;                /* it may hold more than is seen, until that is known not to be */
    unsigned blind;            /* looks in a row at which something was hidden */
    unsigned clear;            /* and at which nothing can have been */
    unsigned rest;             /* looks until somebody is sent again */
};

/* In TMPDIR, /tmp, /var/tmp or /dev/shm, whichever takes it and lets files be executed. */
int scratch_init(struct scratch *s, struct err *err);
/* Removes all of it. */
void scratch_done(struct scratch *s);

/* An empty directory for a run, the program's own. Returns it opened, or a negative errno. */
int scratch_make(const char *run, const struct ids *ids, struct err *err);
/* Takes it away; every process of the run is dead. */
void scratch_clear(const char *run);

struct scratch_use {
    uint64_t bytes, files;
};
/* What is in the run's directory now; stops counting when over `max`. */
void scratch_measure(const struct scratch *s, const struct scratch_use *max,
                     struct scratch_use *ret);

/* Before a run begins: what the disk has is what it may change. */
void scratch_begin(struct scratch *s);
/* Is a run over what its step may have, its own files aside? Never where there is no such
 * directory. What the run has removed and keeps open is looked for, by a child, when its file
 * system has lost more than that; who then hides some of it is over, too. */
bool scratch_is_full(struct scratch *s, const struct step *step);
/* The run is over. */
void scratch_forget(struct scratch *s);

/* STEP_WORK_DIR in words and environment becomes `run`. */
void scratch_rename(struct step *step, const char *run);
#endif
