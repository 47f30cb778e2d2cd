/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SIM_CAPACITY_H
#define SIM_CAPACITY_H
/*
 * How well the mesh uses its slots: jobs arrive at random peers as a Poisson process, run for
 * an exponential time (mean 1 s), and their waiting times are set beside those of one ideal
 * central queue that gets the same jobs at the same moments. No faults.
 */
#include "sim/options.h"

/* Prints a table. 0; 1 when the wait is over --max-ratio; 2 when it could not be measured. */
int sim_capacity_run(const struct sim_options *o);
#endif
