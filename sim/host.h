/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SIM_HOST_H
#define SIM_HOST_H
/*
 * One machine: a disk, a clock, execution slots, and while its process lives a mesh. It does
 * for the mesh what node/ does in reality: turns what happens into events, carries effects
 * out in order, and holds back each whose batch is not synced. A fault may stop it between any
 * two effects.
 *
 * `life` counts the process's starts and ends; whatever belongs to an earlier one is void.
 */
#include "sim/disk.h"
#include "sim/queue.h"
#include "sim/slot.h"

enum { SIM_INBOX_BATCH = 64 };

/* An event on its way into the mesh, with the bytes it points to. */
struct sim_input {
    struct sim_input *next;
    struct mesh_event event;
    struct sim_blob *blob;
};

/* An effect that waits for its batch; its bytes are copied. */
struct sim_held {
    struct sim_held *next;
    struct mesh_effect effect;
    struct sim_blob *blob;
};

struct sim_host {
    uint32_t index;
    char name[32];
    char endpoint[64];
    char zone[16];
    char cluster[16];
    struct id nid;
    uint64_t boot;
    uint32_t life;
    struct mesh *mesh; /* NULL = the process is down */
    bool rogue;        /* of another cluster */
    bool amnesiac;     /* its disk went back in time: it may be refused, then it is wiped */
    uint64_t told;     /* the most its disk held when it said something that counts */
    bool drained;
    bool leaving; /* DRAIN was asked */
    uint64_t up_since;
    uint64_t drain_until; /* when it may go whatever it still owns */
    struct sim_disk disk;
    struct sim_event timer; /* for mesh_deadline() */
    struct sim_event wake;  /* end of a pause or of slow work */
    uint64_t paused_until;
    uint64_t busy_until;
    uint64_t step_ns; /* what a step costs a slow machine; 0 = nothing */
    struct sim_input *inbox_first, *inbox_last;
    struct sim_held *held_first, *held_last;
    struct sim_slots slots;
    uint32_t crash_in; /* effects until it stops dead; 0 = not asked for */
    int crash_type;    /* only effects of this type count; -1 = all */
    uint64_t timer_spins;
    /* clock */
    uint64_t mono_base_ns;
    uint32_t mono_ppm;
    int64_t wall_offset_ms;
    /* figures */
    uint64_t frames_out;
    uint64_t bytes_out;
    uint64_t restarts;
    struct message_stats counted; /* by the mesh, when it was last looked at, */
    uint32_t counted_life;        /* in this life */
};

void sim_host_init(struct sim_world *w, struct sim_host *h, uint32_t index);
void sim_host_done(struct sim_world *w, struct sim_host *h);
/* Starts the process on its disk; nothing happens when it is up. */
void sim_host_start(struct sim_world *w, struct sim_host *h);
/* Ends it without warning. `silent`: its peers' links do not notice for a while. */
void sim_host_crash(struct sim_world *w, struct sim_host *h, bool silent);
/* Starts it again after `delay_ns`. */
void sim_host_start_later(struct sim_world *w, struct sim_host *h, uint64_t delay_ns);
/* Hands an event to the mesh, now or when the machine gets round to it. The event's span is
 * `blob` (may be NULL), of which one reference is taken over. Dropped when it is down. */
void sim_host_feed(struct sim_world *w, struct sim_host *h, const struct mesh_event *event,
                   struct sim_blob *blob);
/* SIGSTOP for so long. */
void sim_host_pause(struct sim_world *w, struct sim_host *h, uint64_t ns);
/* SIGTERM: drain within `deadline_ms`. */
void sim_host_drain(struct sim_world *w, struct sim_host *h, uint32_t deadline_ms);
/* A new disk and with it a new name. The host must be down. */
void sim_host_wipe(struct sim_world *w, struct sim_host *h);
/* True when it is up and would step at once. */
bool sim_host_ready(const struct sim_world *w, const struct sim_host *h);
/* The one whose disk has this name now, or NULL: no disk has it any more. */
const struct sim_host *sim_host_named(const struct sim_world *w, const struct id *nid);
/* One that is up, or NULL. */
struct sim_host *sim_host_any_up(struct sim_world *w, struct rng *rng);
uint64_t sim_host_mono_ns(const struct sim_world *w, const struct sim_host *h);
#endif
