/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SANDBOX_NEAR_H
#define SANDBOX_NEAR_H
/*
 * On which CPU a run begins. A machine with nothing else to do has its CPUs asleep, and to wake one
 * takes longer than what it would do meanwhile: the way of a step from the daemon to the keeper,
 * the init and the program, and that of its outcome back, is shortest on one CPU. So the daemon
 * holds itself and the keeper to the one it is on, the keeper brings the init there, and each may
 * use all its CPUs again as soon as the program goes on. When it is over instead they stay where
 * they are for the next, the daemon for a second. The program is never held to one.
 *
 * sched_setaffinity(2). Wishes: what the kernel refuses is as if it had not been asked. Each call
 * is about one thread.
 */
#include <sched.h>
#include <stdbool.h>

/* The CPUs that a thread may use. */
struct near_home {
    cpu_set_t cpus;
};

enum { NEAR_NOWHERE = -1, NEAR_LONG_NS = 1000000000 };

/* Those of the caller, when nothing holds it. */
void near_init(struct near_home *h);
/* Holds the caller to the CPU that it is on, until near_let_go(). False: it is not. */
bool near_hold(void);
/* Has it been held for so long that another CPU may be better by now? */
bool near_is_long(void);
/* Nothing when it is not held. Before a process or thread is started too, which would be born
 * held. */
void near_let_go(void);
/* Holds process `pid` to the CPU that the caller is on; `held`: the one it is held to already, or
 * NEAR_NOWHERE. Returns that CPU, or NEAR_NOWHERE. */
int near_bring(pid_t pid, int held);
/* The one CPU that the caller was brought to, being less than `h`; or NEAR_NOWHERE. */
int near_held(const struct near_home *h);
/* `pid`, 0 = the caller, who was brought, may use all of `h` again. Returns NEAR_NOWHERE. */
int near_return(const struct near_home *h, pid_t pid);
#endif
