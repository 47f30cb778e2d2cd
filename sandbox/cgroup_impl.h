/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SANDBOX_CGROUP_IMPL_H
#define SANDBOX_CGROUP_IMPL_H
/* What cgroup.c, cgroup1.c and cgroup2.c share. All descriptors are owned, -1 = none. */
#include "sandbox/cgfile.h"
#include "sandbox/cgroup.h"

enum { CGROUP_SPARE = LIMIT_MIB }; /* memory of a run's own init, on top of the program's limit */

/* X(id, controller) */
#define CGROUP1_CONTROLLERS(X)                                                                     \
    X(MEMORY, "memory")                                                                            \
    X(PIDS, "pids")                                                                                \
    X(CPU, "cpu")                                                                                  \
    X(CPUACCT, "cpuacct")

enum cgroup1_controller {
#define X(id, name) CGROUP1_##id,
    CGROUP1_CONTROLLERS(X)
#undef X
        CGROUP1_N
};

struct cgroup1 {
    int parent[CGROUP1_N]; /* our own group */
    int dir[CGROUP1_N];
    int cpu_usage, peak, oom_control, pids_events, usage, pids_current, cpu_stat;
    int pids_max_fd;
    int oom_event;
    struct step_limits set; /* as last written */
    uint64_t base_pids, pids_max;
    uint64_t base_cpu_ns, base_usage, base_oom, base_refused, base_throttled_ns;
    uint64_t stages_memory; /* bytes of the stages, which are in the group too */
    bool measured;
    bool based;     /* the counters were read when the run before had ended */
    bool throttles; /* this run has less than all CPUs */
};

struct cgroup2 {
    int parent, slot, stage;
    bool controllers; /* false: used to kill with, nothing else */
    bool resettable;  /* memory.peak can be reset (Linux 6.12) */
    uid_t owner;
    unsigned serial;
};

struct cgroup_run {
    const struct cgroup2 *of;
    int fd;
    int peak, events, cpu_stat, pids_events, pids_current, pressure;
    int inotify;
    char name[32];
    struct cgroup_use base;
    struct step_limits set; /* as last written; all 0 = never */
    bool based;             /* the counters were read when the run before had ended */
};

struct cgroup {
    enum cgroup_kind kind;
    char name[64];
    struct cgroup1 v1;
    struct cgroup2 v2;
    struct cgroup_run *now; /* of the run that goes on; borrowed */
};

int cgroup1_new(struct cgroup1 *c, const char *name, struct err *err);
void cgroup1_free(struct cgroup1 *c, const char *name);
int cgroup1_add(struct cgroup1 *c, pid_t pid, struct err *err);
int cgroup1_begin(struct cgroup1 *c, const struct step_limits *limits, unsigned waiting,
                  struct err *err);
uint64_t cgroup1_oom_read(struct cgroup1 *c);
bool cgroup1_cpu(const struct cgroup1 *c, uint64_t *ret_us);
void cgroup1_use(const struct cgroup1 *c, struct cgroup_use *ret_use);
bool cgroup1_memory(const struct cgroup1 *c, struct cgroup_memory *ret_memory);
/* Lets what was killed have all the CPU it needs to die. */
void cgroup1_hurry(struct cgroup1 *c);
bool cgroup1_is_quiet(const struct cgroup1 *c);
void cgroup1_admit(struct cgroup1 *c);
void cgroup1_end(struct cgroup1 *c, bool waits);

/* With `controllers`, limits too; else only to kill with. */
int cgroup2_new(struct cgroup2 *c, const char *name, bool controllers, uid_t owner,
                struct err *err);
void cgroup2_free(struct cgroup2 *c, const char *name);
int cgroup2_add(struct cgroup2 *c, pid_t pid, struct err *err);
struct cgroup_run *cgroup2_run_new(struct cgroup2 *c);
void cgroup2_run_free(struct cgroup_run *r);
int cgroup2_begin(struct cgroup_run *r, const struct step_limits *limits, struct err *err);
uint64_t cgroup2_oom_read(struct cgroup_run *r);
bool cgroup2_cpu(const struct cgroup_run *r, uint64_t *ret_us);
void cgroup2_use(const struct cgroup_run *r, struct cgroup_use *ret_use);
bool cgroup2_memory(const struct cgroup_run *r, struct cgroup_memory *ret_memory);
bool cgroup2_is_quiet(const struct cgroup_run *r);
void cgroup2_end(struct cgroup_run *r, bool waits);
bool cgroup2_kill(struct cgroup_run *r);
#endif
