/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SANDBOX_BUDGET_H
#define SANDBOX_BUDGET_H
/* What a watched run may still use of what the kernel counts but does not limit by itself: looked
 * at, and the run is killed when nothing is left. Part of the watch. */
#include "sandbox/watch.h"

/* Looks, and sets w->cpu_at_ns to when to look again. */
void budget_look(struct watch *w);
/* What is shared has been added up: see crowd.h. */
void budget_hear(struct watch *w);
/* Looks at memory, which thrash.h judges by, and sets w->memory_at_ns: ever more seldom, but for
 * who is near the limit. */
void budget_look_at_memory(struct watch *w);
/* The run is over its time: it is killed for that, or for what it spent the time on. */
void budget_kill(struct watch *w, enum verdict_kill why);
/* How long a run with these limits can live on so much CPU time, at least: on all of the machine's
 * CPUs at once, or by its share of them, of which it may have two periods' worth ahead. */
uint64_t budget_lasts_ns(const struct step_limits *l, uint64_t cpus, uint64_t left);
#endif
