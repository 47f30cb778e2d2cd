/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SIM_REPORT_H
#define SIM_REPORT_H
/* A page about one run: what the world was, what happened, and a drawn timeline. One file,
 * nothing loaded from elsewhere. */
struct sim_world;

/* 0 or -errno. The run must have kept its notes (setup.timeline). */
int sim_report_write(const struct sim_world *w, const char *path);
#endif
