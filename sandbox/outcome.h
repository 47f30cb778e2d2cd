/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SANDBOX_OUTCOME_H
#define SANDBOX_OUTCOME_H
/* What a watched run came to: the facts that verdict.h decides by, gathered from the run, its
 * groups and the machine. Part of the watch. */
#include "sandbox/watch.h"

/* CPU time of the program so far, in microseconds. */
uint64_t outcome_cpu_us(const struct watch *w);
/* Fills w->outcome, all but what was written; every process of the run is dead. */
void outcome_decide(struct watch *w);
#endif
