/* SPDX-License-Identifier: MPL-2.0 */
#ifndef MESH_MESH_H
#define MESH_MESH_H
/*
 * The protocol of one peer as a pure state machine: events in, effects out.
 *
 *     event (frame, client, disk, clock, slot)  -->  mesh_step()  -->  effects
 *
 * It never does I/O, reads a clock, draws randomness from outside its seed, starts a thread
 * or blocks. The driver (node/ for real, sim/ for proof) carries out the effects in order,
 * and holds back each effect whose `after_batch` is not yet synced. Same configuration,
 * same events: same effects, byte for byte, on every machine.
 *
 * One thread at a time. Everything an event points to is borrowed for the call; everything
 * an effect points to belongs to the mesh and is valid until the next mesh_step().
 *
 * Start: mesh_new(), then one MESH_EV_LOAD for every stored record (any order, blobs left
 * out: see mesh_key_is_blob()), then MESH_EV_START. Bytes from a peer, a client or the disk
 * are hostile: a bad one is counted and dropped, never asserted on.
 */
#include "base/buf.h"
#include "base/id.h"
#include "base/limits.h"
#include "mesh/message.h"
#include "mesh/meter.h"

struct mesh;

struct mesh_now {
    uint64_t mono_ns; /* never goes back */
    int64_t wall_ms;  /* Unix time; may jump. For people only: no decision rests on it */
};

struct mesh_config {
    struct id nid; /* kept with the disk, drawn once */
    uint64_t boot; /* durable, one higher at every start */
    uint64_t seed; /* of every random choice */
    char cluster[LIMIT_NAME + 1];
    char name[LIMIT_NAME + 1];
    char zone[LIMIT_NAME + 1];
    char endpoint[LIMIT_ENDPOINT + 1];        /* where peers reach this node */
    char client_endpoint[LIMIT_ENDPOINT + 1]; /* where bridges reach it */
    char isolation[16];
    uint32_t slots;
    uint32_t replicas;       /* R; W = R/2+1 of those a job names */
    uint32_t queue_max;      /* waiting jobs this node owns before it refuses more */
    uint32_t nodes_expected; /* 1: alone by configuration, else wait for peers before acks */
    uint64_t store_max;      /* bytes; refuse submits at 80 %, see MESH_EV_DISK */
    uint32_t retain_completed_s;
    uint32_t retain_failed_s;
    uint32_t retain_count;
    uint32_t takeovers_max; /* node failures a job may outlive: 2 */
    uint32_t wire_version;  /* the highest to write, of mesh/frame.h; 0 = the newest */
    /* Times in ms; 0 = the default of mesh/timing.h. */
    uint32_t probe_ms, probe_timeout_ms, gossip_ms, lease_ms, takeover_step_ms, repair_after_ms,
        scrub_ms;
};

/* Two lanes keep a ping from queueing behind a result. */
enum mesh_lane { MESH_LANE_CONTROL, MESH_LANE_BULK };

enum mesh_disk { MESH_DISK_OK, MESH_DISK_NEARLY_FULL, MESH_DISK_FULL };

/* How a run ended, for the mesh. Whatever the program did is OK: the verdict says it. */
enum mesh_outcome {
    MESH_OUTCOME_RESULT, /* `bytes` is an encoded struct result */
    MESH_OUTCOME_BROKEN, /* the system failed: retry if attempts are left; `bytes` is a text */
    MESH_OUTCOME_KILLED, /* MESH_FX_KILL was obeyed: no process of it is left */
};

#define MESH_EVENTS(X)                                                                             \
    X(LOAD) /* a stored record, before START */                                                    \
    X(START)                                                                                       \
    X(TIMER)     /* mesh_deadline() has passed; may also come for nothing */                       \
    X(RECV)      /* a frame from a peer */                                                         \
    X(LINK_UP)   /* a link opened by MESH_FX_CONNECT can carry frames */                           \
    X(LINK_DOWN) /* it broke; the driver has closed it: the number is not used again */            \
    X(SYNCED)    /* batch and all before it are durable */                                         \
    X(READ)      /* the answer to MESH_FX_READ */                                                  \
    X(SEEDS)     /* endpoints to try; replaces the earlier list */                                 \
    X(CLIENT)    /* a frame from a client: mesh/message.h */                                       \
    X(CLIENT_GONE)                                                                                 \
    X(EXEC_STARTED)                                                                                \
    X(EXEC_EVENT) /* an encoded struct result_event */                                             \
    X(EXEC_DONE)                                                                                   \
    X(SLOTS) /* the slots this node has to offer changed */                                        \
    X(DISK)                                                                                        \
    X(LANGUAGES) /* what this node can run: an encoded LANGUAGES_REPLY */                          \
    X(DRAIN)     /* SIGTERM: stop taking work, hand over, then MESH_FX_DRAINED */

enum mesh_event_type {
#define X(id) MESH_EV_##id,
    MESH_EVENTS(X)
#undef X
        MESH_EV_N
};

struct mesh_event {
    enum mesh_event_type type;
    struct mesh_now now;
    union {
        struct {
            struct span key, value;
        } load;
        struct {
            struct id from; /* the sender's nid, as the transport authenticated it */
            enum mesh_lane lane;
            struct span frame;
        } recv;
        struct {
            uint64_t link;
        } link;
        struct {
            uint64_t batch;
        } synced;
        struct {
            uint64_t read;
            int status; /* 0, -ENOENT, or -EIO (CRC) */
            struct span value;
        } read;
        struct {
            const char *const *endpoints;
            uint32_t n;
        } seeds;
        struct {
            uint64_t client; /* the driver's number for the connection, never reused */
            struct span frame;
        } client;
        struct {
            uint64_t exec;
            enum mesh_outcome outcome;
            struct span bytes;
        } exec; /* EXEC_STARTED, EXEC_EVENT, EXEC_DONE */
        struct {
            uint32_t slots;
        } slots;
        struct {
            enum mesh_disk state;
            uint64_t used, max; /* bytes */
        } disk;
        struct {
            struct span list;
        } languages;
        struct {
            uint32_t deadline_ms; /* running jobs are requeued elsewhere after this long */
        } drain;
    };
};

struct mesh_op {
    bool del;
    uint8_t klen;
    uint8_t key[LIMIT_KEY];
    struct span value;
};

#define MESH_EFFECTS(X)                                                                            \
    X(PERSIST)    /* one atomic batch; at most one a step, numbered from 1 */                      \
    X(READ)       /* a blob from the store; sees every batch before it */                          \
    X(CONNECT)    /* open a link to an endpoint */                                                 \
    X(DISCONNECT) /* close it; frames not yet gone are lost */                                     \
    X(SEND)       /* a frame to a peer; may be lost */                                             \
    X(CLIENT)     /* a frame to a client */                                                        \
    X(EXEC)       /* run it in a slot; answer STARTED, EVENT*, DONE */                             \
    X(KILL)       /* stop it; answer EXEC_DONE, KILLED once nothing of it is left */               \
    X(LOG)        /* a line for the operator */                                                    \
    X(DRAINED)    /* nothing here is needed any more: the process may end */                       \
    X(FATAL)      /* go down at once, without another write */

enum mesh_effect_type {
#define X(id) MESH_FX_##id,
    MESH_EFFECTS(X)
#undef X
        MESH_FX_N
};

struct mesh_effect {
    enum mesh_effect_type type;
    uint64_t after_batch; /* 0 = at once; else hold until that batch is synced */
    union {
        struct {
            uint64_t batch;
            const struct mesh_op *ops;
            uint32_t n;
        } persist;
        struct {
            uint64_t read;
            uint8_t klen;
            uint8_t key[LIMIT_KEY];
        } read;
        struct {
            uint64_t link;
            const char *endpoint;
        } connect; /* DISCONNECT: link only */
        struct {
            uint64_t link;
            enum mesh_lane lane;
            struct span frame;
        } send;
        struct {
            uint64_t client;
            struct span frame;
        } client;
        struct {
            uint64_t exec; /* the mesh's number for this run, never reused in a boot */
            struct id jid;
            uint64_t epoch;
            uint32_t attempt;
            struct span spec; /* encoded struct spec */
        } exec;               /* KILL: exec only */
        struct {
            int level; /* enum log_level */
            char text[LIMIT_TEXT];
        } log; /* LOG, FATAL */
    };
};

/* `config` is copied. */
struct mesh *mesh_new(const struct mesh_config *config);
void mesh_free(struct mesh *m);
/* Takes `n` events in order. *ret_effects: to be carried out in order. */
void mesh_step(struct mesh *m, const struct mesh_event *events, uint32_t n,
               const struct mesh_effect **ret_effects, uint32_t *ret_n);
/* When the next MESH_EV_TIMER is due, in mono_ns; UINT64_MAX = never. */
uint64_t mesh_deadline(const struct mesh *m);
/* A hash of the whole state: equal histories give equal digests. */
uint64_t mesh_digest(const struct mesh *m);
/* It was told to go: by MESH_EV_DRAIN, or by a client. */
bool mesh_draining(const struct mesh *m);
/* This node's own figures. */
void mesh_stats_get(const struct mesh *m, struct message_stats *ret_stats);
void mesh_meters_get(const struct mesh *m, struct meters *ret_meters);
void mesh_lags_get(const struct mesh *m, struct lags *ret_lags);
/* Blobs (specs, results) are read on demand with MESH_FX_READ, not loaded at the start. */
bool mesh_key_is_blob(struct span key);
/* Asserts the invariants of the whole state; for tests and the simulator. */
void mesh_check(const struct mesh *m);
#endif
