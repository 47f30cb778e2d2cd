/* SPDX-License-Identifier: MPL-2.0 */
#ifndef MESH_MESSAGE_H
#define MESH_MESSAGE_H
/*
 * What a client (the bridge, the command line) and a peer say to each other, one frame a
 * message; frames that leave together are the parts of one ZeroMQ message. A frame is a msgpack
 * array [MESSAGE_VERSION, type, token, fields...]. `token` is the client's own number for a request
 * and comes back in its answers. A peer answers every request once; a WATCH is followed by EVENTs
 * until the job is decided or UNWATCH. Any peer answers for any job: it forwards to the owner when
 * it does not hold the job itself.
 *
 * A session is a program that somebody talks to while it runs. SESSION_OPEN names it by its
 * token, and every further message of it, both ways, has that token. The peer that is asked runs
 * it itself or refuses it; it is no job, keeps no state, and ends with either end's connection.
 * DATA is bounded by credit: see struct message_flow.
 *
 * A decoded message borrows from the frame. Frames between peers are not here
 * (mesh/frame.h): the bridge must not be able to speak as a peer.
 */
#include "base/err.h"
#include "base/id.h"
#include "mesh/result.h"
#include "mesh/spec.h"

enum { MESSAGE_VERSION = 1 };

/* Requests */
#define MESSAGE_REQUESTS(X)                                                                        \
    X(HELLO)   /* first on every connection */                                                     \
    X(SUBMIT)  /* spec; answered when the job is durable */                                        \
    X(QUERY)   /* jid, wait_ms, seen: answered at once, or when the job's version passes `seen` */ \
    X(CANCEL)  /* jid */                                                                           \
    X(WATCH)   /* jid, after: events with seq > after, then live */                                \
    X(UNWATCH) /* jid; no answer */                                                                \
    X(LIST)    /* tenant, tag, state, cursor, limit */                                             \
    X(STATS)                                                                                       \
    X(NODES)                                                                                       \
    X(LANGUAGES)                                                                                   \
    X(DRAIN)  /* admin: this node stops taking work and hands over */                              \
    X(FORGET) /* admin: nid */                                                                     \
    X(TOLD)   /* jid: its callback was delivered, or given up */                                   \
    X(READY)  /* DONE when a keyed submit would be taken now, else REFUSED as it would be */
/* Answers */
#define MESSAGE_ANSWERS(X)                                                                         \
    X(WELCOME) /* nid, name, endpoints of other peers to fall back on */                           \
    X(ACCEPTED)                                                                                    \
    X(REFUSED) /* status, text, retry_after_ms */                                                  \
    X(JOB)                                                                                         \
    X(EVENT)                                                                                       \
    X(JOBS)                                                                                        \
    X(STATS_REPLY)                                                                                 \
    X(NODES_REPLY)                                                                                 \
    X(LANGUAGES_REPLY)                                                                             \
    X(DONE) /* a cancel, drain or forget that was taken */
/* Sessions, behind the others so that those keep their numbers. */
#define MESSAGE_SESSIONS(X)                                                                        \
    X(SESSION_OPEN)    /* spec, tty, window: answered by SESSION_OPENED or REFUSED */              \
    X(SESSION_OPENED)  /* a slot is reserved; node, window */                                      \
    X(SESSION_STARTED) /* the program's first instruction, after it was compiled */                \
    X(SESSION_DATA)    /* both ways */                                                             \
    X(SESSION_CREDIT)  /* both ways: the receiver of DATA has room up to `upto` */                 \
    X(SESSION_SIGNAL)  /* to the program alone */                                                  \
    X(SESSION_RESIZE)  /* of a session with a terminal */                                          \
    X(SESSION_ALIVE) /* both ways; an end that is silent for MESSAGE_SESSION_SILENCE_MS is lost */ \
    X(SESSION_CLOSE) /* kill it; SESSION_CLOSED follows */                                         \
    X(SESSION_CLOSED) /* the last message of a session */
/* A job's request, for who wants to see it again. */
#define MESSAGE_SPECS(X)                                                                           \
    X(SPEC) /* jid: answered by SPEC_REPLY or REFUSED */                                           \
    X(SPEC_REPLY)

enum message_type {
#define X(id) MESSAGE_##id,
    MESSAGE_REQUESTS(X) MESSAGE_ANSWERS(X) MESSAGE_SESSIONS(X) MESSAGE_SPECS(X)
#undef X
        MESSAGE_TYPE_N
};
static inline bool message_type_session(enum message_type t)
{
    return t >= MESSAGE_SESSION_OPEN && t <= MESSAGE_SESSION_CLOSED;
}

#define MESSAGE_STATES(X)                                                                          \
    X(QUEUED, "queued")                                                                            \
    X(DELAYED, "delayed")                                                                          \
    X(ACTIVE, "active")                                                                            \
    X(COMPLETED, "completed")                                                                      \
    X(FAILED, "failed")                                                                            \
    X(CANCELLED, "cancelled")

enum message_state {
#define X(id, name) MESSAGE_STATE_##id,
    MESSAGE_STATES(X)
#undef X
        MESSAGE_STATE_N
};
const char *message_state_name(enum message_state s);
static inline bool message_state_final(enum message_state s)
{
    return s >= MESSAGE_STATE_COMPLETED;
}

/* Why a request was refused; the bridge maps each to an HTTP status. */
#define MESSAGE_REFUSALS(X)                                                                        \
    X(NOT_FOUND, "no such job")                                                                    \
    X(QUEUE_FULL, "the queue is full")                                                             \
    X(DRAINING, "the node is leaving")                                                             \
    X(NO_QUORUM, "too few nodes to keep the job safe")                                             \
    X(UNKNOWN_OUTCOME, "not confirmed in time; repeat with the same idempotency key")              \
    X(DISK_FULL, "the store is nearly full")                                                       \
    X(KEY_REUSED, "the idempotency key was used for another request")                              \
    X(BAD_REQUEST, "the request could not be read")                                                \
    X(NO_ISOLATION, "no node has the isolation that is required")                                  \
    X(NO_LANGUAGE, "no node has the language")                                                     \
    X(NO_SLOT, "no slot is free for a session")

enum message_refusal {
#define X(id, text) MESSAGE_REFUSAL_##id,
    MESSAGE_REFUSALS(X)
#undef X
        MESSAGE_REFUSAL_N
};
const char *message_refusal_text(enum message_refusal r);

/* One job as a client may see it. */
struct message_job {
    struct id jid;
    enum message_state state;
    uint64_t version; /* rises with every change a client can see */
    char tenant[LIMIT_NAME + 1];
    char language[LIMIT_NAME + 1];
    uint8_t priority;
    uint8_t n_tags;
    char tags[LIMIT_TAGS][LIMIT_TAG + 1];
    uint32_t done; /* tests finished, of */
    uint32_t total;
    uint32_t attempt;  /* 1 = the first */
    int64_t queued_ms; /* Unix time; 0 = not yet */
    int64_t started_ms;
    int64_t finished_ms;
    int64_t not_before_ms;       /* when DELAYED */
    char node[LIMIT_NAME + 1];   /* that runs or ran it */
    char reason[LIMIT_TEXT + 1]; /* when FAILED or CANCELLED */
    bool stale;                  /* not confirmed by a majority just now */
    struct span result;          /* encoded struct result when COMPLETED, else empty */
    char callback[LIMIT_URL + 1];
};

#define MESSAGE_EVENTS(X)                                                                          \
    X(QUEUED, "queued")                                                                            \
    X(STARTED, "started")                                                                          \
    X(RUN, "run") /* body: an encoded struct result_event */                                       \
    X(RETRIED, "retried")                                                                          \
    X(DECIDED, "decided") /* body: an encoded struct message_job */                                \
    X(GAP, "gap")         /* events between `after` and this one are lost */

enum message_event_kind {
#define X(id, name) MESSAGE_EVENT_##id,
    MESSAGE_EVENTS(X)
#undef X
        MESSAGE_EVENT_N
};
const char *message_event_name(enum message_event_kind k);

/* Event ids survive a change of bridge and of owner: (epoch << 32 | counter within it). */
struct message_event {
    struct id jid;
    uint64_t seq;
    enum message_event_kind kind;
    int64_t at_ms;
    struct span body;
};

struct message_node {
    struct id nid;
    char name[LIMIT_NAME + 1];
    char zone[LIMIT_NAME + 1];
    char endpoint[LIMIT_ENDPOINT + 1]; /* for clients */
    char state[16];                    /* alive, suspect, dead, left, draining */
    char isolation[16];
    uint32_t slots;
    uint32_t busy;
    uint32_t queued[LIMIT_PRIORITIES];
};

#define MESSAGE_COUNTERS(X)                                                                        \
    X(submitted)                                                                                   \
    X(completed)                                                                                   \
    X(failed)                                                                                      \
    X(cancelled)                                                                                   \
    X(retried)                                                                                     \
    X(stalled)                                                                                     \
    X(refused)                                                                                     \
    X(steals_asked)                                                                                \
    X(steals_granted)                                                                              \
    X(takeovers)                                                                                   \
    X(repairs)                                                                                     \
    X(donated) X(frames_in) X(frames_out) X(bytes_in) X(bytes_out) X(commits) X(suspicions)

/* Gauges are counted by a job's owner only, counters by (node, boot): sums over nodes are right. */
struct message_stats {
    struct id nid; /* zero: the sum over the mesh */
    char name[LIMIT_NAME + 1];
    int64_t as_of_ms;
    uint32_t nodes_known;
    uint32_t nodes_missing;         /* whose figures are not in the sum */
    uint64_t jobs[MESSAGE_STATE_N]; /* by state */
    uint64_t waiting[LIMIT_PRIORITIES];
    uint64_t oldest_waiting_ms;
    uint32_t slots;
    uint32_t slots_busy;
    uint64_t under_replicated;
    uint64_t verdicts[RESULT_VERDICT_N];
#define X(name) uint64_t name;
    MESSAGE_COUNTERS(X)
#undef X
    uint64_t wait_us[4];  /* time from queued to started: p50, p90, p99, max of the last minute */
    uint64_t total_us[4]; /* time from queued to decided, the same */
    uint32_t per_minute;  /* jobs decided in the last minute */
    uint64_t store_bytes;
    uint64_t store_bytes_max;
    char isolation[16];
};

struct message_language {
    char name[LIMIT_NAME + 1];
    char version[LIMIT_NAME + 1]; /* as the toolchain itself says */
    struct span profile;          /* the language's profile file, JSON */
};

/*
 * How far one end of a session may send, and has. A DATA frame moves the sender's position by its
 * bytes and MESSAGE_SESSION_COST, and says where it began: a receiver that expected another
 * position has lost a frame. No position passes the highest `upto` that was granted, so neither
 * the bytes nor the frames on their way are more than the window.
 */
enum {
    MESSAGE_SESSION_COST = 1024,
    MESSAGE_SESSION_PIECE = 32 * LIMIT_KIB, /* bytes of one DATA frame, at most */
    MESSAGE_SESSION_WINDOW_MIN = 2 * (MESSAGE_SESSION_PIECE + MESSAGE_SESSION_COST),
    MESSAGE_SESSION_WINDOW_MAX = LIMIT_MIB,
    MESSAGE_SESSION_ALIVE_MS = 2000, /* between two signs of life */
    MESSAGE_SESSION_SILENCE_MS = 12000,
};

struct message_flow {
    uint64_t at;   /* of the next frame */
    uint64_t upto; /* granted */
};

/* Bytes that a frame sent now may have: 0 = wait for credit. */
static inline uint32_t message_flow_room(const struct message_flow *f)
{
    uint64_t room = f->upto > f->at ? f->upto - f->at : 0;

    if (room <= MESSAGE_SESSION_COST)
        return 0;
    room -= MESSAGE_SESSION_COST;
    return room < MESSAGE_SESSION_PIECE ? (uint32_t)room : (uint32_t)MESSAGE_SESSION_PIECE;
}
static inline void message_flow_pass(struct message_flow *f, size_t len)
{
    f->at += len + MESSAGE_SESSION_COST;
}

#define MESSAGE_STREAMS(X)                                                                         \
    X(STDIN, "stdin")                                                                              \
    X(STDOUT, "stdout") /* and stderr too, of a session with a terminal */                         \
    X(STDERR, "stderr")                                                                            \
    X(COMPILER, "compiler") /* what the compiler said */

enum message_stream {
#define X(id, name) MESSAGE_STREAM_##id,
    MESSAGE_STREAMS(X)
#undef X
        MESSAGE_STREAM_N
};

/* Why a session is over. X(id, name in the API) */
#define MESSAGE_CLOSINGS(X)                                                                        \
    X(ENDED, "ended")       /* the program has: its figures are in the message */                  \
    X(ASKED, "asked")       /* the client closed it */                                             \
    X(IDLE, "idle")         /* nothing was said for too long */                                    \
    X(DRAINING, "draining") /* the node is leaving */                                              \
    X(LOST, "lost")         /* frames were lost on the way */                                      \
    X(BROKEN, "broken")     /* the sandbox failed, not the program */

enum message_closing {
#define X(id, name) MESSAGE_CLOSING_##id,
    MESSAGE_CLOSINGS(X)
#undef X
        MESSAGE_CLOSING_N
};
const char *message_closing_name(enum message_closing c);

/* The end of a session. */
struct message_closed {
    enum message_closing why;
    enum result_verdict verdict; /* when ENDED; COMPILE_ERROR: it never ran */
    struct result_cause cause;
    int32_t exit_code; /* -1 when a signal ended it */
    int32_t signal;
    uint64_t cpu_us;
    uint64_t wall_us;
    uint64_t memory;
};

struct message {
    enum message_type type;
    uint64_t token;
    union {
        struct {
            char client[LIMIT_NAME + 1];
        } hello;
        struct {
            struct span spec;
        } submit; /* SUBMIT, SPEC_REPLY */
        struct {
            struct id jid;
            char tenant[LIMIT_NAME + 1]; /* "*" sees all tenants' jobs */
            uint32_t wait_ms;
            uint64_t seen; /* of QUERY: a version; of WATCH: an event's seq */
        } job;             /* QUERY, CANCEL, WATCH, UNWATCH, TOLD, SPEC */
        struct {
            char tenant[LIMIT_NAME + 1];
            char tag[LIMIT_TAG + 1];
            uint8_t states; /* bit per enum message_state; 0 = all */
            struct id cursor;
            uint32_t limit;
            bool owed; /* those whose callback is due, to be called by who asks; no pages */
        } list;
        struct {
            struct id nid;
        } node; /* FORGET; DRAIN (zero = the node asked) */
        struct {
            struct id nid;
            char name[LIMIT_NAME + 1];
            uint32_t n_endpoints;
            char (*endpoints)[LIMIT_ENDPOINT + 1];
        } welcome;
        struct {
            struct id jid;
            bool duplicate; /* the key was known: this is the earlier job */
        } accepted;
        struct {
            enum message_refusal why;
            char text[LIMIT_TEXT + 1];
            uint32_t retry_after_ms;
        } refused;
        struct message_job view;
        struct message_event event;
        struct {
            uint32_t n;
            struct message_job *jobs; /* without results */
            struct id cursor;         /* zero: no more */
            bool partial;
        } jobs;
        struct {
            uint32_t n; /* [0] is the sum */
            struct message_stats *nodes;
        } stats;
        struct {
            uint32_t n;
            struct message_node *nodes;
        } nodes;
        struct {
            uint32_t n;
            struct message_language *all;
        } languages;
        struct {
            struct span spec; /* encoded struct spec; its tests and checkers are ignored */
            bool tty;
            uint32_t rows; /* of the terminal; RESIZE: only these two */
            uint32_t columns;
            uint32_t window; /* bytes of output the client has room for */
        } session;
        struct {
            char node[LIMIT_NAME + 1];
            uint32_t window; /* bytes of input the node has room for */
        } opened;
        struct {
            enum message_stream stream;
            uint64_t at; /* the sender's position before this frame */
            bool last;   /* of STDIN: its end; the bytes still count */
            struct span bytes;
        } data;
        struct {
            uint64_t upto;
        } credit;
        struct {
            char name[16]; /* "SIGINT", see message_signal() */
        } signal;
        struct message_closed closed;
    };
};

/* Its number here, or 0: no such signal, or none that a session may send. */
int message_signal(const char *name);
/* The type of an encoded message, or -EBADMSG; for one who passes frames on unread. */
int message_peek(struct span frame, enum message_type *ret_type);

/* 0, or -E2BIG (and nothing written) when `out` is full or a limit is passed. */
int message_encode(const struct message *m, struct buf *out);
/* 0 or -EBADMSG. On success message_done() is due. */
int message_decode(struct span frame, struct message *ret_message, struct err *err);
/* Frees what message_decode() allocated (arrays of nodes, jobs, ...). */
void message_done(struct message *m);

/* One job on its own, the body of a DECIDED event. A decoded one borrows and owns nothing. */
int message_job_encode(const struct message_job *j, struct buf *out);
int message_job_decode(struct span bytes, struct message_job *ret_job, struct err *err);
#endif
