/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SANDBOX_USERNS_H
#define SANDBOX_USERNS_H
/*
 * User ids. Inside, a run's init is 0 and the program 1000; outside, both are ids that nobody
 * else has, different for every keeper. A keeper that is an ordinary user has only its own id:
 * then init and program are both 1000 inside, and that user outside.
 */
#include "base/err.h"

#include <stdbool.h>
#include <sys/types.h>

enum { USERNS_RUN_ID = 1000 };

struct ids {
    bool user_ns;  /* a user namespace is made */
    bool many;     /* we may have ids that are not our own */
    uid_t outside; /* of the init; the program's is the next. With !many our own, for both */
    gid_t outside_gid;
    uid_t init, run; /* as they are called where stages live */
};

/* Ids for this process's slot. `user_ns`: they will be names inside a user namespace. */
void userns_choose(struct ids *ret, bool user_ns);
/* Could it be the program's user of some keeper like us, where no user namespace is made? */
bool userns_is_run(const struct ids *ids, uid_t uid);
/* Writes the maps of `pid`, which was just cloned into its user namespace. `proc` is a /proc
 * where it can be seen. `nested`: its parent namespace is one of ours already. */
int userns_map(int proc, pid_t pid, const struct ids *ids, bool nested, struct err *err);
/* Becomes the stage's or init's user, with all capabilities of the namespace. */
int userns_become_init(const struct ids *ids, struct err *err);
/* Becomes the program's user. Safe after vfork(). 0 or a negative errno. */
int userns_become_run(const struct ids *ids);
#endif
