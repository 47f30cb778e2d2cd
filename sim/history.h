/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SIM_HISTORY_H
#define SIM_HISTORY_H
/*
 * What is known of every job, from outside the meshes: what clients asked and were told, and
 * what stands on every virtual disk. The invariants are judged on this, never on a mesh's own
 * word alone.
 */
#include "base/map.h"
#include "mesh/inspect.h"
#include "sim/slot.h"

struct sim_world;
struct sim_host;

/* A job as one disk keeps it. A disk is known by its node's name: a wiped one is another. */
struct sim_copy {
    struct id nid;
    uint32_t host;
    bool gone;        /* the disk was destroyed, or went back in time */
    bool deleted;     /* the record was removed by its node */
    bool damaged;     /* its stored bytes were flipped, and it was not written since */
    uint64_t changed; /* the generation of its first change since the disk's snapshot */
    struct inspect_job job;
};

/* A job id, from the first time anybody mentions it. */
struct sim_job {
    struct id jid;
    uint32_t index;
    uint32_t intent; /* of the client; UINT32_MAX while not known */
    uint32_t n_copies;
    struct sim_copy *copies;
    uint64_t acked_ns; /* 0 = no client was told that it is safe */
    uint64_t cancel_acked_ns;
    uint64_t terminal_ns; /* first end accepted on any disk */
    uint64_t decided_ns;  /* first decision on any disk */
    uint64_t decided_hash;
    enum message_state decided_state;
    struct inspect_job settled; /* the latest value that was at a majority; acc.epoch 0 = none */
    uint64_t view_hash;         /* of the first end a client saw; 0 = none */
    enum message_state view_state;
    uint64_t deleted_ns; /* first removal of a copy, the job being decided */
    uint64_t purged_ns;  /* when the mesh wrote that removal */
    uint32_t starts;
    uint32_t cut;          /* of them, killed, gone with their node, or given up by their owner */
    struct id start_owner; /* of the last, */
    uint64_t start_ns;     /* and when that was */
    uint32_t called;       /* callbacks for it */
    uint64_t started_ns;   /* the first */
    uint64_t seen_ns;      /* by a client, as ended */
};

struct sim_history {
    struct map *jobs;   /* jid -> struct sim_job */
    struct map *values; /* jid, ballot, version -> its hash, I5 */
    uint32_t n_jobs;
    uint64_t runs;
    uint64_t acks;
    uint64_t cancels;
    bool off; /* capacity runs: nothing is watched */
};

void sim_history_init(struct sim_world *w);
void sim_history_done(struct sim_world *w);
/* Makes it when it is new. */
struct sim_job *sim_history_job(struct sim_world *w, const struct id *jid);
struct sim_job *sim_history_find(const struct sim_world *w, const struct id *jid);
int sim_ballot_cmp(const struct inspect_ballot *a, const struct inspect_ballot *b);
/* Whether `job` has accepted (ballot, ver) or something later. */
bool sim_reached(const struct inspect_job *job, const struct inspect_ballot *ballot, uint32_t ver);
/* The copy of `nid`, or NULL. */
struct sim_copy *sim_history_copy(struct sim_job *job, const struct id *nid);
/* How many of `ids` have a copy that `ok` likes. */
typedef bool sim_copy_fn(const struct sim_copy *copy, const struct inspect_job *like);
uint32_t sim_history_count(struct sim_job *job, const struct inspect_job *like, bool prev,
                           sim_copy_fn *ok);
/* True when a majority of like's replica set, and of the one before it while that counts,
 * has a copy that `ok` likes. */
bool sim_history_quorum(struct sim_job *job, const struct inspect_job *like, sim_copy_fn *ok);
/* I7: `now` becomes durable on the disk of `h`, whose copy is up to date. */
void sim_history_settle(struct sim_world *w, const struct sim_host *h, struct sim_job *job,
                        const struct inspect_job *now);
/* The readable copy with the highest accepted value, of equals one that is decided; NULL = none. */
const struct sim_copy *sim_history_latest(const struct sim_job *job);

/* --- what the rest of the simulator reports ------------------------------------------------- */
void sim_watch_commit(struct sim_world *w, struct sim_host *h, uint64_t batch);
/* The process died; a part of what was queued becomes durable. */
void sim_watch_crash(struct sim_world *w, struct sim_host *h);
/* The disk is about to be destroyed (or was put back in time). */
void sim_watch_wipe(struct sim_world *w, struct sim_host *h);
/* True when the disk, put back to its snapshot, would lack a change that somebody was told of. */
bool sim_watch_forgets(struct sim_world *w, const struct sim_host *h);
/* A stored value on its way into the mesh: the value to load instead, with a reference. */
struct sim_blob *sim_watch_load(struct sim_world *w, struct sim_host *h, struct span key,
                                struct sim_blob *value);
void sim_watch_send(struct sim_world *w, struct sim_host *h, const struct mesh_effect *fx);
/* A frame from `h` has arrived: what it says of the disk is known. */
void sim_watch_told(struct sim_world *w, struct sim_host *h, struct span frame);
void sim_watch_exec(struct sim_world *w, struct sim_host *h, const struct sim_run *run);
void sim_watch_done(struct sim_world *w, struct sim_host *h, const struct sim_run *run,
                    enum mesh_outcome outcome);
/* A run goes down with its node. */
void sim_watch_cut(struct sim_world *w, const struct sim_run *run);
/* A client was told that the job is kept. */
void sim_watch_ack(struct sim_world *w, struct sim_host *h, const struct id *jid, uint32_t intent);
void sim_watch_cancelled(struct sim_world *w, const struct id *jid);
/* A client was shown the job, ended. */
void sim_watch_view(struct sim_world *w, struct sim_host *h, const struct message_job *view);
#endif
