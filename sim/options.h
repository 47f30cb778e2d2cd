/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SIM_OPTIONS_H
#define SIM_OPTIONS_H
/* The command line of arena-sim. */
#include "base/err.h"
#include "sim/profile.h"

struct sim_options {
    const struct sim_profile *profile;
    uint64_t seed_first, seed_last;
    bool one; /* --seed: report it in words */
    uint64_t seconds;
    uint64_t ticks;
    uint32_t nodes;
    uint32_t workers;
    bool trace;
    bool twice;
    const char *report;
    const char *seeds_file;
    const char *expect; /* a violation is wanted: the name of the broken rule */
    /* capacity */
    bool capacity;
    uint32_t slots;
    uint32_t load_percent;
    uint32_t max_ratio_percent; /* 0 = none */
};

/* 0; 1 when help was asked for and printed; -EINVAL. */
int sim_options_parse(int argc, char **argv, struct sim_options *ret, struct err *err);
#endif
