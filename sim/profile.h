/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SIM_PROFILE_H
#define SIM_PROFILE_H
/* Named kinds of worlds: which faults, how often, and what the seed may draw. Data only. */
#include "sim/fault.h"
#include "sim/swarm.h"

enum { SIM_BIASES_MAX = 12 };

struct sim_profile {
    const char *name;
    const char *text;
    uint32_t chance_ppm;           /* for each of its faults to be on in a seed */
    uint32_t mean_ms[SIM_FAULT_N]; /* between two of a kind; 0 = never */
    struct sim_bias biases[SIM_BIASES_MAX];
    uint32_t n_biases;
    bool gentle;      /* nothing but goodbyes: no job may start twice for them */
    bool over_budget; /* may destroy more copies than the protocol promises to survive */
};

/* NULL when there is none of that name. */
const struct sim_profile *sim_profile_find(const char *name);
/* The i-th, or NULL behind the last. */
const struct sim_profile *sim_profile_at(uint32_t i);
#endif
