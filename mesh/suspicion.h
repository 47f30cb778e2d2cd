/* SPDX-License-Identifier: MPL-2.0 */
#ifndef MESH_SUSPICION_H
#define MESH_SUSPICION_H
/*
 * How long an accused peer has to defend itself (Lifeguard, Dadgar 2017, section IV-B): long
 * at first, shorter with each peer that accuses it independently. Arithmetic only, without
 * floats.
 */
#include "base/id.h"

enum { SUSPICION_CONFIRM_MAX = 7 };

struct suspicion {
    uint64_t start_ns;
    uint32_t min_ms;
    uint32_t max_ms;
    uint8_t needed;                          /* confirmations that bring it down to min_ms */
    uint8_t confirmed;                       /* that came */
    struct id by[SUSPICION_CONFIRM_MAX + 1]; /* the accuser, then who confirmed */
};

/* The least time for a mesh of `n` nodes: mult * max(1, log10 n) * interval. */
uint32_t suspicion_min_ms(uint32_t n, uint32_t interval_ms);
/* ceil(log10(n + 1)), the unit of retransmits. */
uint32_t suspicion_spread(uint32_t n);

/* Accused by `by` in a mesh of `n` nodes. */
void suspicion_init(struct suspicion *s, const struct id *by, uint32_t n, uint32_t interval_ms,
                    uint64_t now_ns);
/* True when `by` is a new and still needed accuser: the rumour is worth passing on. */
bool suspicion_confirm(struct suspicion *s, const struct id *by);
/* When the peer is to be declared dead. */
uint64_t suspicion_deadline(const struct suspicion *s);
#endif
