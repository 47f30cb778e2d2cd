/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SIM_EFFECT_H
#define SIM_EFFECT_H
/*
 * Carries out what a mesh asks for, or holds it back until its batch is synced. Every effect
 * is a place where the host may die: before it, never in it.
 */
#include "sim/host.h"

/* Takes one effect of the step in hand. The host may be down after. */
void sim_effect_take(struct sim_world *w, struct sim_host *h, const struct mesh_effect *fx);
/* Drops what is held back: the process died. */
void sim_effect_clear(struct sim_host *h);
const char *sim_effect_name(enum mesh_effect_type type);
#endif
