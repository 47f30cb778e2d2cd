/* SPDX-License-Identifier: MPL-2.0 */
#include "sim/swarm.h"

#include <stddef.h>

static const struct {
    const char *name;
    size_t offset;
    uint32_t lo, hi, chance_ppm;
} swarm_fields[] = {
#define X(name, lo, hi, chance, text) {#name, offsetof(struct sim_swarm, name), lo, hi, chance},
    SIM_SWARM(X)
#undef X
};

static uint32_t *sim_swarm_at(const struct sim_swarm *s, enum sim_swarm_field f)
{
    return (uint32_t *)((char *)s + swarm_fields[f].offset);
}

const char *sim_swarm_name(enum sim_swarm_field f)
{
    return swarm_fields[f].name;
}

uint32_t sim_swarm_value(const struct sim_swarm *s, enum sim_swarm_field f)
{
    return *sim_swarm_at(s, f);
}

/* The lower half of a range is drawn more often: most bugs need a world that mostly works. */
void sim_swarm_draw(struct sim_swarm *s, struct rng *rng, const struct sim_bias *biases, uint32_t n)
{
    for (enum sim_swarm_field f = 0; f < SIM_SWARM_N; f++) {
        struct sim_bias b = {f, swarm_fields[f].lo, swarm_fields[f].hi, swarm_fields[f].chance_ppm};

        for (uint32_t i = 0; i < n; i++) {
            if (biases[i].field == f)
                b = biases[i];
        }

        if (swarm_fields[f].hi == 0 &&
            b.hi == 0) { /* the worlds of other profiles stay as they are */
            *sim_swarm_at(s, f) = 0;
            continue;
        }

        bool on = rng_chance(rng, b.chance_ppm);
        uint64_t top = rng_between(rng, b.lo, b.hi);
        uint64_t value = rng_chance(rng, 500000) ? top : rng_between(rng, b.lo, top);

        *sim_swarm_at(s, f) = on ? (uint32_t)value : 0;
    }
}
