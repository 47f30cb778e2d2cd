/* SPDX-License-Identifier: MPL-2.0 */
#ifndef BASE_RNG_H
#define BASE_RNG_H
/*
 * Seeded random numbers: xoshiro256** (Blackman and Vigna 2018), seeded through
 * splitmix64. The same seed gives the same numbers on every machine. Not for secrets.
 */
#include <stdbool.h>
#include <stdint.h>

struct rng {
    uint64_t s[4];
};

void rng_init(struct rng *r, uint64_t seed);
uint64_t rng_u64(struct rng *r);
/* Uniform in [0, n); n > 0. */
uint64_t rng_below(struct rng *r, uint64_t n);
/* Uniform in [lo, hi], both ends included. */
uint64_t rng_between(struct rng *r, uint64_t lo, uint64_t hi);
/* True in `per_million` of 1,000,000 calls. */
bool rng_chance(struct rng *r, uint32_t per_million);
#endif
