/* SPDX-License-Identifier: MPL-2.0 */
#include "mesh/suspicion.h"

#include "mesh/timing.h"

#include <stddef.h>

enum { MILLI = 1000 };

/* 1000 * log10(n) at a few n; between them a straight line, which is never above the curve. */
static const struct {
    uint32_t n;
    uint32_t milli;
} log10_points[] = {
    {10, 1000},  {14, 1146},  {20, 1301},  {32, 1505},  {50, 1698},   {80, 1903},    {128, 2107},
    {200, 2301}, {320, 2505}, {512, 2709}, {800, 2903}, {1024, 3010}, {10240, 4010},
};

/* 1000 * log2(n + 1), for the share of confirmations that came. */
static const uint32_t log2_milli[SUSPICION_CONFIRM_MAX + 1] = {0,    1000, 1585, 2000,
                                                               2322, 2585, 2807, 3000};

static uint32_t log10_milli(uint32_t n)
{
    size_t last = sizeof(log10_points) / sizeof(log10_points[0]) - 1;

    if (n <= log10_points[0].n)
        return log10_points[0].milli; /* the least that counts is one interval's worth */
    for (size_t i = 1; i <= last; i++) {
        uint32_t n0 = log10_points[i - 1].n;
        uint32_t m0 = log10_points[i - 1].milli;

        if (n <= log10_points[i].n)
            return m0 + (log10_points[i].milli - m0) * (n - n0) / (log10_points[i].n - n0);
    }
    return log10_points[last].milli;
}

uint32_t suspicion_min_ms(uint32_t n, uint32_t interval_ms)
{
    return (uint32_t)((uint64_t)TIMING_SUSPICION_MULT * log10_milli(n) * interval_ms / MILLI);
}

uint32_t suspicion_spread(uint32_t n)
{
    uint32_t digits = 0;

    for (; n; n /= 10)
        digits++;
    return digits;
}

void suspicion_init(struct suspicion *s, const struct id *by, uint32_t n, uint32_t interval_ms,
                    uint64_t now_ns)
{
    *s = (struct suspicion){.start_ns = now_ns};
    s->min_ms = suspicion_min_ms(n, interval_ms);
    s->max_ms = s->min_ms * TIMING_SUSPICION_MAX;
    s->needed = TIMING_SUSPICION_MULT - 2;
    if (n < s->needed + 2u)
        s->needed = 0; /* there are not so many others who could confirm */
    s->by[0] = *by;
}

bool suspicion_confirm(struct suspicion *s, const struct id *by)
{
    if (s->confirmed >= s->needed)
        return false;
    for (unsigned i = 0; i <= s->confirmed; i++) {
        if (id_eq(&s->by[i], by))
            return false;
    }
    s->by[++s->confirmed] = *by;
    return true;
}

uint64_t suspicion_deadline(const struct suspicion *s)
{
    uint64_t ms = s->min_ms;

    if (s->needed) {
        uint64_t gone = (uint64_t)(s->max_ms - s->min_ms) * log2_milli[s->confirmed];

        ms = s->max_ms - gone / log2_milli[s->needed];
    }
    return s->start_ns + ms * 1000000;
}
