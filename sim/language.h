/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SIM_LANGUAGE_H
#define SIM_LANGUAGE_H
/*
 * Which host can run what. All run python, unless the seed has jobs in java: then of three hosts
 * one runs both, one python only and one java only.
 */
#include "sim/world.h"

const char *sim_language_of_job(struct sim_world *w);
bool sim_language_has(const struct sim_world *w, const struct sim_host *h, const char *language);
/* It has just started. */
void sim_language_tell(struct sim_world *w, struct sim_host *h);
#endif
