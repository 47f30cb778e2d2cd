/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SANDBOX_CGROUP_H
#define SANDBOX_CGROUP_H
/*
 * A slot's control groups, always nested under the group this process was started in (read
 * from /proc/self/cgroup), named after the keeper. Moving a process into a group costs 7-15 ms
 * (an RCU grace period), so nothing is moved for a run: in v1 the stages sit in the slot's
 * groups and all runs inherit them; in v2 an init is born in a group of its own
 * (CLONE_INTO_CGROUP).
 * On a machine with v1 controllers a v2 group without controllers is used besides, only to
 * kill with: cgroup.kill ends a fork bomb ten times faster than a pid namespace does.
 *
 * Used by the keeper only, which stays outside. One thread.
 */
#include "base/err.h"
#include "sandbox/step.h"

#include <sys/types.h>

enum cgroup_kind { CGROUP_NONE, CGROUP_V1, CGROUP_V2 };

/* Since cgroup_begin(). */
struct cgroup_use {
    uint64_t cpu_us;
    uint64_t memory_peak; /* bytes; 0 = not known */
    uint64_t oom_kills;
    uint64_t forks_refused; /* at the limit of processes */
    uint64_t pressure_us;   /* waited for a CPU; 0 where the kernel does not say */
    uint64_t throttled_us;  /* by cpu_share */
};

/* Now, in bytes. */
struct cgroup_memory {
    uint64_t most; /* that it may use */
    uint64_t used;
    uint64_t held;      /* of this, what cannot be dropped: all but files of the machine's */
    uint64_t refaulted; /* of such files, read again after they were dropped, since ever */
};

/* A share of CPUs is given in pieces: so much at once, then none until the period is over. */
enum { CGROUP_PERIOD_US = 20000 };

struct cgroup;

/* Makes the slot's groups; `owner` may start processes in them. Also removes what keepers that
 * are dead left behind. Never fails: what cannot be had is kind NONE and a reason. */
struct cgroup *cgroup_new(uid_t owner, struct err *ret_why);
/* Removes the groups; their processes must be gone. */
void cgroup_free(struct cgroup *c);
enum cgroup_kind cgroup_kind(const struct cgroup *c);

/* Puts a stage in. */
int cgroup_add(struct cgroup *c, pid_t stage, struct err *err);
/* Before an init is born: nothing of a run before may limit it. */
void cgroup_admit(struct cgroup *c);

/*
 * The v2 group that an init is born in and that its runs are killed by; NULL = there is none. One
 * init, one group: Linux 6.18 compares the kill count of a cloner's own group with that of the
 * group it clones into, so whatever is born into a group that was once killed is killed too.
 */
struct cgroup_run;
struct cgroup_run *cgroup_run_new(struct cgroup *c);
/* Its processes must be gone. */
void cgroup_run_free(struct cgroup_run *run);
int cgroup_run_fd(const struct cgroup_run *run);
/* Can one init's group count several runs, one by one? */
bool cgroup_reusable(const struct cgroup *c);

/* Sets the limits and zeroes the counters for a run of the init born in `run`, which waits.
 * `waiting`: how many of the program's processes are there already. The calls below are about this
 * run. */
int cgroup_begin(struct cgroup *c, struct cgroup_run *run, const struct step_limits *limits,
                 unsigned waiting, struct err *err);
/* Readable when the kernel has killed for memory; -1 = no such news. Borrowed. */
int cgroup_oom_fd(const struct cgroup *c);
/* After it was readable. Returns how many kills there were since cgroup_begin(). */
uint64_t cgroup_oom_read(struct cgroup *c);
/* CPU time since cgroup_begin(), in microseconds; cheap. False = not known. */
bool cgroup_cpu(const struct cgroup *c, uint64_t *ret_us);
void cgroup_use(const struct cgroup *c, struct cgroup_use *ret_use);
/* False = not known. What takes long to find out, `held` and `refaulted`, is 0 while the group is
 * not near its limit. */
bool cgroup_memory(const struct cgroup *c, struct cgroup_memory *ret_memory);
bool cgroup_near(const struct cgroup_memory *m);
/* Kills all of the run at once, its init too. False = cannot; the caller kills the init. */
bool cgroup_kill(struct cgroup *c);
/* Are there as many processes as before the run? True also when nobody counts. */
bool cgroup_is_quiet(const struct cgroup *c);
/* After a run's processes are gone. `waits`: but not its init, which is ready for the next one. The
 * counters are read now then, when nobody waits for it, unless something joins the group before
 * cgroup_begin(). */
void cgroup_end(struct cgroup *c, bool waits);
#endif
