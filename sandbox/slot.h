/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SANDBOX_SLOT_H
#define SANDBOX_SLOT_H
/*
 * What a keeper owns for its runs: the slot's cgroups, its user ids, and one stage per language
 * and phase, made when first asked for. One run at a time. Used by one thread.
 */
#include "sandbox/cgroup.h"
#include "sandbox/channel.h"
#include "sandbox/level.h"
#include "sandbox/mitigation.h"
#include "sandbox/near.h"
#include "sandbox/profile.h"
#include "sandbox/quality.h"
#include "sandbox/stage.h"

/* The init that waits under a stage, or runs something. */
struct slot_init {
    bool alive;
    bool born;   /* its stage has said so */
    bool parked; /* has said that it waits */
    struct channel link;
    int report;
    int pidfd;
    pid_t pid;    /* 0 = not looked for */
    int near;     /* the CPU that it is held to, or NEAR_NOWHERE */
    int proc;     /* the /proc of its namespace, -1 = none */
    int listener; /* of the filter of its next run, -1 = none */
    unsigned runs;
    struct cgroup_run *group;
};

struct slot_stage {
    char profile[LIMIT_NAME + 1];
    char phase[16];
    pid_t pid; /* 0 = free place */
    struct channel link;
    struct stage_spec spec;
    struct slot_init init;
};

enum { SLOT_STAGES = 48 };

struct slot {
    const struct profile_set *profiles; /* borrowed */
    struct ids ids;
    struct isolation isolation;
    struct cgroup *cgroup;
    struct scratch scratch; /* work directories, where none can be mounted */
    struct quality quality;
    struct near_home home;
    unsigned mitigations;   /* asked for; a set of enum mitigation */
    unsigned cpus;          /* of the machine, the most a run could use at once */
    char why[ERR_TEXT_MAX]; /* the first thing that did not work, with its errno */
    struct slot_stage stages[SLOT_STAGES];
};

/* Finds out what works here. Never fails: see level_of(&slot->isolation). */
void slot_init(struct slot *s, const struct profile_set *profiles, bool fresh);
/* Kills the stages, removes the groups. */
void slot_done(struct slot *s);
/* The stage for this language and phase, started if need be. One of before may have died since:
 * then it or its init takes nothing (-EPIPE), or see slot_check(). */
int slot_stage(struct slot *s, const char *profile, const char *phase, struct slot_stage **ret,
               struct err *err);
/* Kills a stage and all it has started, and forgets it. Waits until they are dead. */
void slot_drop(struct slot_stage *st);

/* Asks a stage that has no init for one; does not wait. A stage that takes no request is dropped.
 */
int slot_birth(struct slot *s, struct slot_stage *st, struct err *err);
/* Makes sure that the stage has a parked init, and that no other init of the slot is still on its
 * way, so that what is counted from now on is the run's. */
int slot_ready(struct slot *s, struct slot_stage *st, struct err *err);
/* Looks whether a stage and its init are still there, and forgets what is not. False: the stage,
 * and all it has started. */
bool slot_check(struct slot_stage *st);
/* Is the stage's process still there? */
bool slot_alive(const struct slot_stage *st);
/* The stage has said that its init is gone. */
void slot_buried(struct slot_stage *st);
#endif
