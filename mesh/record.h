/* SPDX-License-Identifier: MPL-2.0 */
#ifndef MESH_RECORD_H
#define MESH_RECORD_H
/*
 * One job as its replicas keep it: a product of lattices with a join, and its encoding.
 *
 *     promised   the highest ballot this replica will listen to           max
 *     acc, ver   the highest (ballot, version) accepted, with its value   lexicographic max
 *     cancel     somebody asked for it                                    or
 *     told       its callback was delivered, or given up                  or
 *     decided    a majority accepted the end: it never changes            sticky
 *     origin     what was submitted (mesh/origin.h)                       immutable
 *
 * A ballot (epoch, node) belongs to one node, and within it only that node issues versions
 * 1, 2, 3...: (ballot, version) -> value is a function, so the maximum is a true join.
 * Two different decisions joined are the one thing that must never be: record_join() says so.
 *
 * Pure data: no decision about who may change it is made here.
 */
#include "base/err.h"
#include "mesh/origin.h"

enum { RECORD_VERSION = 1, RECORD_REASON = 200, RECORD_MAX = 16 * 1024 };

struct ballot {
    uint64_t epoch; /* 0: none */
    struct id nid;
};

enum record_phase { RECORD_PENDING, RECORD_TERMINAL };
enum record_end { RECORD_NOT_ENDED, RECORD_COMPLETED, RECORD_FAILED, RECORD_CANCELLED };

/* How a job ended. */
struct term {
    enum record_end end;
    uint8_t verdict; /* enum result_verdict, when COMPLETED */
    struct id hash;  /* of the result's bytes */
    uint64_t len;    /* 0: no result */
    int64_t started_ms;
    int64_t finished_ms;
    char node[LIMIT_NAME + 1]; /* that ran it */
    char reason[RECORD_REASON + 1];
};

/* What one version of one ballot says. */
struct value {
    enum record_phase phase;
    bool running;           /* a start was announced and its outcome is not known */
    uint32_t attempt;       /* starts announced; names a run together with the epoch */
    uint32_t failures;      /* of them, lost with their executor or owner */
    uint32_t broken;        /* of them, ended by a fault of the system */
    uint32_t delay_ms;      /* it may not start before not_before_ms, and no later than this */
    int64_t not_before_ms;  /* Unix time; a clock that jumped is bounded by delay_ms */
    uint32_t gen;           /* of the replica set */
    uint8_t n_rset, n_prev; /* n_prev > 0: both sets must agree */
    struct id rset[LIMIT_REPLICAS];
    struct id prev[LIMIT_REPLICAS];
    struct term term; /* when TERMINAL */
};

struct record {
    struct id jid;
    struct ballot promised;
    struct ballot acc; /* epoch 0: nothing accepted */
    uint32_t ver;
    struct value v; /* when something is accepted */
    bool cancel;
    bool told;
    bool decided;
    struct term final;     /* when decided */
    struct origin *origin; /* owned; NULL while only promised. It belongs to what is accepted: two
                              who create a keyed job at once name two, and one ballot wins */
};

int ballot_cmp(const struct ballot *a, const struct ballot *b);
/* Two values: epoch, node. */
void ballot_put(struct buf *b, const struct ballot *v);
struct ballot ballot_get(struct wire_reader *w);
/* By ballot, then version. */
int record_acc_cmp(const struct record *a, const struct record *b);

void record_init(struct record *r, const struct id *jid);
void record_done(struct record *r);
/* A copy of `src` with an origin of its own. */
void record_copy(const struct record *src, struct record *ret_record);

/* -E2BIG when `out` is too small. */
int record_encode(const struct record *r, struct buf *out);
/* Reads one from a message. 0 or -EBADMSG; record_done() is due on success. */
int record_decode(struct wire_reader *w, struct record *ret_record);

/* Makes the origin of `dst` that of `src`, when src has one. */
void record_take_origin(struct record *dst, const struct record *src);
/* What join changed. */
enum {
    RECORD_PROMISED = 1,
    RECORD_ACCEPTED = 2,
    RECORD_CANCEL = 4,
    RECORD_DECIDED = 8,
    RECORD_TOLD = 16
};
/* Makes `dst` the join of both, as if src's owner had sent it what src accepted, and then
 * its preparer what src promised: an accept below dst's promise is not taken, unless it is
 * decided. Then no ballot can say anything else; of its set one that was promised before may not
 * hear, but every copy that it asks has the decision, and in any set there is but one. Returns what
 * changed, or -EPROTO when the two hold different decisions (dst is left alone). */
int record_join(struct record *dst, const struct record *src);

bool term_eq(const struct term *a, const struct term *b);
uint64_t term_hash(const struct term *t);
uint64_t value_hash(const struct value *v);
bool value_has(const struct value *v, const struct id *nid);
/* A majority of the set, and of the one before it while that still counts. `has` is asked
 * for each member. */
typedef bool record_has_fn(const void *ctx, const struct id *nid);
bool value_quorum(const struct value *v, record_has_fn *has, const void *ctx);
/* The name of a blob's content. */
struct id record_blob_hash(struct span bytes);
/* Asserts what must be true of any record. */
void record_check(const struct record *r);
#endif
