/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SANDBOX_STAGE_H
#define SANDBOX_STAGE_H
/*
 * A stage is a resident process that has made everything ready for one phase of one language:
 * it is pid 1 of its own namespaces, owns an empty network, lives in that language's root and
 * sits in the slot's cgroups. Asked to, it clones an init into fresh namespaces and waits until
 * that init, and with it every process that it started, is dead. It is tiny, has one init at a
 * time, and dies with the keeper. stage.c is the process, slot.c starts it, init.c is the init.
 *
 * At level lsm there are no namespaces to hold a run together: stage and init are reapers of
 * their orphans, and kill all that descends from them.
 */
#include "sandbox/channel.h"
#include "sandbox/kin.h"
#include "sandbox/level.h"
#include "sandbox/mount.h"
#include "sandbox/run.h"
#include "sandbox/scratch.h"
#include "sandbox/seccomp.h"

/* All that a stage needs, inherited from the keeper's memory at its birth. */
struct stage_spec {
    struct ids ids;
    struct root_spec root;
    struct filter filter;
    struct isolation isolation;
    unsigned mitigations; /* a set of enum mitigation */
    const char *scratch;  /* path of the work directory where none can be mounted */
};

/* The program's user where nobody else has it. */
struct kin_user stage_own_user(const struct stage_spec *spec);

/* The stage's process: never returns. `fd` is its end of the channel; it first waits for a byte
 * there, which says that its user namespace is mapped. Says FRAME_READY or FRAME_FAILED. */
void stage_main(const struct stage_spec *spec, int fd) __attribute__((noreturn));

/* An init: never returns. */
struct init_spec {
    const struct stage_spec *stage;
    int link;   /* its channel, blocking */
    int report; /* where its reports go */
    int proc;   /* the stage's /proc, or -1 */
    int go;     /* a pipe to wait on until its user namespace is mapped, or -1 */
};
void init_main(const struct init_spec *spec) __attribute__((noreturn));
#endif
