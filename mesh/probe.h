/* SPDX-License-Identifier: MPL-2.0 */
#ifndef MESH_PROBE_H
#define MESH_PROBE_H
/*
 * Asking a member whether it is there: SWIM section 4.1, with the NACKs and the local health
 * of Lifeguard section IV-A. Inside of member.h.
 */
#include "mesh/roster.h"

/* The next of the round, and when the one after it is due. */
void probe_next(struct members *m, uint64_t now_ns);
/* This one at once, unless it is being probed. */
void probe_start(struct members *m, struct roster_entry *e, uint64_t now_ns);
/* Probes and pings for others whose time has come. */
void probe_tick(struct members *m, uint64_t now_ns);
uint64_t probe_deadline(const struct members *m);
/* Lets go of all that is under way, accusing nobody. */
void probe_abandon(struct members *m);

void probe_hear_ping(struct members *m, const struct id *from, struct wire_reader *r,
                     uint64_t now_ns);
void probe_hear_request(struct members *m, const struct id *from, struct wire_reader *r,
                        uint64_t now_ns);
void probe_hear_ack(struct members *m, struct wire_reader *r, uint64_t now_ns);
void probe_hear_nack(struct members *m, struct wire_reader *r, uint64_t now_ns);
#endif
