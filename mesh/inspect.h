/* SPDX-License-Identifier: MPL-2.0 */
#ifndef MESH_INSPECT_H
#define MESH_INSPECT_H
/*
 * A window into a mesh for the simulator and the tests: the lattice of every job, what was
 * purged, the members as this node sees them, and what is inside stored records and frames.
 * It changes nothing. No program uses it.
 */
#include "base/limits.h"
#include "mesh/mesh.h"

struct inspect_ballot {
    uint64_t epoch; /* 0: none */
    struct id nid;
};

struct inspect_job {
    struct id jid;
    bool owner;   /* this node holds the ballot `acc` and acts on it (live jobs only) */
    bool damaged; /* the stored record was unreadable: this node has no vote on the job */
    struct inspect_ballot promised;
    struct inspect_ballot acc; /* epoch 0: nothing accepted yet */
    uint32_t ver;
    uint64_t value_hash; /* of all of the accepted value: a function of (acc, ver) */
    bool terminal;       /* the accepted value is an end */
    uint64_t end_hash;   /* of that end; 0 = none */
    bool cancel;
    bool told;
    bool decided;
    uint64_t decided_hash; /* of the end that was decided; 0 = none */
    enum message_state state;
    uint32_t attempt;  /* starts announced so far */
    uint32_t failures; /* of them, lost with an executor or an owner */
    uint32_t broken;   /* of them, ended by a fault of the system */
    uint32_t gen;      /* of the replica set */
    uint8_t n_rset, n_prev;
    struct id rset[LIMIT_REPLICAS];
    struct id prev[LIMIT_REPLICAS]; /* n_prev > 0: a change of the set is under way */
};

typedef void inspect_job_fn(void *ctx, const struct inspect_job *job);
/* Every job this node has a record of, in the order it learnt of them. */
void inspect_jobs(const struct mesh *m, inspect_job_fn *fn, void *ctx);
bool inspect_job_get(const struct mesh *m, const struct id *jid, struct inspect_job *ret_job);
bool inspect_purged(const struct mesh *m, const struct id *jid);

/* What a stored pair says. 0; -ENOENT when it is not a job's record; -EBADMSG. */
int inspect_stored(struct span key, struct span value, struct inspect_job *ret_job);

struct inspect_member {
    struct id nid;
    uint64_t incarnation;
    char state[16]; /* alive, suspect, dead, left, draining, forgotten */
    char endpoint[LIMIT_ENDPOINT + 1];
};
typedef void inspect_member_fn(void *ctx, const struct inspect_member *member);
/* Every member this node knows, itself too. */
void inspect_members(const struct mesh *m, inspect_member_fn *fn, void *ctx);

/* One message inside a frame between peers. */
struct inspect_message {
    const char *name;             /* "ACCEPT", "OK", "PROM", ... */
    struct id jid;                /* of the job it is about, or zero */
    bool about_job;               /* it is about a record, and the fields below are set */
    struct inspect_ballot ballot; /* ACCEPT, OK: accepted; PREPARE, PROM, NACK: promised */
    uint32_t ver;
    bool vote; /* an OK or a PROM: a promise about the sender's disk */
};
typedef void inspect_message_fn(void *ctx, const struct inspect_message *message);
/* 0, or -EBADMSG when it is no frame of a peer. */
int inspect_frame(struct span frame, inspect_message_fn *fn, void *ctx);

/* Work that is not finished: requests waiting, reads, proposals not yet at a majority, jobs
 * with a replica behind. Zero at rest. */
struct inspect_backlog {
    uint64_t proposals;
    uint64_t takeovers;
    uint64_t reads;
    uint64_t requests;
    uint64_t behind;
};
void inspect_backlog_get(const struct mesh *m, struct inspect_backlog *ret_backlog);
#endif
