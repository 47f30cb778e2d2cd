/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SANDBOX_CHARGE_H
#define SANDBOX_CHARGE_H
/*
 * How fresh the kernel's CPU times are. What runs is charged at its CPU's tick and when the CPU
 * turns to something else, so a group's counter is behind by up to a tick for every CPU that the
 * group is on: 4 ms and 8 ms with 250 ticks a second.
 */
#include <sched.h>
#include <stdint.h>

/* The longest that one CPU may be behind, in nanoseconds: a tick. */
uint64_t charge_late_ns(void);
/* Has every CPU of `cpus` charge what runs on it, by being there for a moment: some 30 us for each
 * in a real-time class, before all others of our priority. On a machine of more CPUs than
 * CHARGE_CPUS nothing is done. */
enum { CHARGE_CPUS = 32 };
void charge_now(const cpu_set_t *cpus);
#endif
