/* SPDX-License-Identifier: MPL-2.0 */
#include "mesh/meter.h"

static const uint64_t bounds[METER_N][METER_BUCKETS] = {
#define X(name, what, ...) {__VA_ARGS__},
    METERS(X)
#undef X
};

const uint64_t *meter_bounds(enum meter_kind kind, uint32_t *ret_n)
{
    uint32_t n = 0;

    while (n < METER_BUCKETS && bounds[kind][n] > 0)
        n++;
    *ret_n = n;
    return bounds[kind];
}

void meter_add(struct meter *m, enum meter_kind kind, uint64_t us)
{
    uint32_t n;
    const uint64_t *upto = meter_bounds(kind, &n);
    uint32_t i = 0;

    while (i < n && us > upto[i])
        i++;
    m->counts[i < n ? i : METER_BUCKETS]++;
    m->count++;
    m->sum_us += us;
}
