/* SPDX-License-Identifier: MPL-2.0 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H
/* The machine's clocks, for programs. The mesh library never calls them. */
#include <stdint.h>

/* Nanoseconds of CLOCK_MONOTONIC. */
uint64_t clock_mono_ns(void);
/* Milliseconds since 1970 of CLOCK_REALTIME. */
int64_t clock_wall_ms(void);
#endif
