/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SIM_CAMPAIGN_H
#define SIM_CAMPAIGN_H
/*
 * Many seeds over many worker processes. A worker that dies (an assertion, a sanitizer) or
 * does not come to an end is a violation of its seed, and is replaced.
 */
#include "sim/options.h"

/* 0 = no violation, 1 = some; prints them, and the sum last. */
int sim_campaign_run(const struct sim_options *o);
/* One seed in this process, in words. */
int sim_campaign_one(const struct sim_options *o);
#endif
