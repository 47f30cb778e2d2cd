/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works: a program of level lsm is nice 19, has a filter, no_new_privs, a user that is a
 * program's, and hard limits of its own on nearly everything: a process gets into all of that and
 * never out. A stage and an init have a part of these limits. So from the bottom up:
 *
 *     program ... program - init - stage - keeper        has someone who kills it
 *     program ... program - init - stage - a stranger    its stage is about to: we wait
 *     program ... program - a stranger                   an orphan
 *
 * Parents change while we look: a step up counts only if the child has the same parent after it.
 */
#include "sandbox/orphan.h"

#include "base/clock.h"
#include "base/own.h"
#include "sandbox/kin.h"
#include "sandbox/launch.h"
#include "sandbox/rlimit.h"

#include <fcntl.h>
#include <stdio.h>
#include <time.h>

#define SWEEP_NS 5000000000ULL

enum { STEPS_MAX = 4096 };

enum kind { GONE, STRANGER, OURS, PROGRAM };

struct sweep {
    const struct ids *ids;
    char keeper[32]; /* what a keeper is called */
    bool waiting;
};

static enum kind kind_of(const struct sweep *s, int proc, const struct kin *k)
{
    char name[16], text[4096];

    /* The top of what can be seen: 0 is outside of our pid namespace. */
    if (k->pid == 0)
        return STRANGER;
    (void)snprintf(name, sizeof(name), "%d", (int)k->pid);
    if (!kin_read(proc, name, "limits", text, sizeof(text)))
        return k->pid == 1 ? STRANGER : GONE;
    if (!rlimit_is_settled(text))
        return STRANGER;
    if (k->nice != LAUNCH_MEEK || !rlimit_is_applied(text))
        return OURS;
    if (!kin_read(proc, name, "status", text, sizeof(text)))
        return GONE;
    return kin_number(text, "\nSeccomp:") == 2 && kin_number(text, "\nNoNewPrivs:") == 1 &&
                   userns_is_run(s->ids, (uid_t)kin_number(text, "\nUid:"))
               ? PROGRAM
               : OURS;
}

static bool is_keeper(const struct sweep *s, int proc, pid_t pid)
{
    char name[16], comm[sizeof(s->keeper)];

    (void)snprintf(name, sizeof(name), "%d", (int)pid);
    return kin_read(proc, name, "comm", comm, sizeof(comm)) && strcmp(comm, s->keeper) == 0;
}

/* The one above `at`, which is its parent before and after. */
static enum kind climb(const struct sweep *s, int proc, struct kin *at)
{
    struct kin parent, again;

    if (!kin_look(proc, at->parent, &parent))
        parent = (struct kin){.pid = at->parent};
    enum kind kind = kind_of(s, proc, &parent);
    if (!kin_look(proc, at->pid, &again) || again.parent != at->parent)
        return GONE;
    *at = parent;
    return kind;
}

/* Is this program an orphan? Notes those that will be. */
static bool is_orphan(void *arg, int proc, const struct kin *k)
{
    struct sweep *s = arg;
    struct kin at = *k;
    enum kind last = PROGRAM;

    if (k->nice != LAUNCH_MEEK || kind_of(s, proc, k) != PROGRAM)
        return false;
    for (unsigned i = 0; i < STEPS_MAX; i++) {
        enum kind kind = climb(s, proc, &at);

        if (kind == STRANGER && last == PROGRAM)
            return true;
        if (kind == STRANGER || kind == GONE) {
            s->waiting = s->waiting || kind == GONE || !is_keeper(s, proc, at.pid);
            return false;
        }
        last = kind;
    }
    return false;
}

void orphan_sweep(const struct ids *ids)
{
    const struct timespec moment = {.tv_nsec = 1000000};
    const uint64_t until = clock_mono_ns() + SWEEP_NS;
    auto_fd int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct sweep s = {.ids = ids};

    if (proc < 0 || !kin_read(proc, "self", "comm", s.keeper, sizeof(s.keeper)))
        return;
    do {
        s.waiting = false;
        if (kin_hunt(proc, 0, is_orphan, &s) == 0 && !s.waiting)
            return;
        (void)nanosleep(&moment, NULL);
    } while (clock_mono_ns() < until);
}
