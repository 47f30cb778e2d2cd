/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SIM_TRACE_H
#define SIM_TRACE_H
/*
 * What happened, for people: a line for each event and effect (--trace), and the notes that a
 * report draws its timeline from. Both are off in a campaign, and cost nothing then.
 */
#include "mesh/mesh.h"

#include <stdio.h>

struct sim_world;
struct sim_host;

enum sim_note_kind {
    SIM_NOTE_UP,
    SIM_NOTE_DOWN,
    SIM_NOTE_FAULT,
    SIM_NOTE_RUN,
    SIM_NOTE_ACK,
    SIM_NOTE_JOB,
    SIM_NOTE_PHASE,
    SIM_NOTE_VIOLATION,
    SIM_NOTE_N
};

enum { SIM_NOTES_MAX = 20000, SIM_NOTE_TEXT = 160 };

struct sim_note {
    uint64_t at_ns;
    uint32_t host; /* UINT32_MAX = all of them */
    enum sim_note_kind kind;
    char text[SIM_NOTE_TEXT];
};

struct sim_trace {
    FILE *out;     /* borrowed; NULL = no lines */
    bool timeline; /* keep notes */
    struct sim_note *notes;
    uint32_t n, cap;
};

void sim_trace_init(struct sim_trace *t, FILE *out, bool timeline);
void sim_trace_done(struct sim_trace *t);
void sim_trace_event(struct sim_world *w, const struct sim_host *h, const struct mesh_event *e);
void sim_trace_effect(struct sim_world *w, const struct sim_host *h, const struct mesh_effect *fx);
/* Something worth a mark in the timeline. `h` may be NULL. */
void sim_trace_note(struct sim_world *w, const struct sim_host *h, enum sim_note_kind kind,
                    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
#endif
