/* SPDX-License-Identifier: MPL-2.0 */
#ifndef MESH_MEMBER_H
#define MESH_MEMBER_H
/*
 * Who is in the mesh, and who seems to be gone: SWIM (Das 2002) with Lifeguard (Dadgar 2017).
 * A hint for liveness only: no safety rests on what this says.
 *
 * Pure: payloads and times in, outputs (payloads to send, changes of state) out through
 * members_outputs(), which the mesh drains after every call. The mesh wraps a payload into a
 * frame with its own things behind it, keeps the links, and drops a send it has no link for.
 * Payloads from peers are hostile.
 *
 *   start -> members_new -> members_load (peers of the last life) -> members_start
 *   HELLO -> members_meet, and members_join when it answered a seed
 *   PING PING_REQ ACK NACK GOSSIP PUSHPULL -> members_recv
 *   timer -> members_tick at members_deadline()
 *
 * A node is its disk: nid is drawn with the store, and incarnation is (boot << 32 | refutes),
 * so a restart always wins over what was said of the life before. Times are mono_ns.
 */
#include "base/id.h"
#include "base/limits.h"
#include "mesh/meter.h"
#include "mesh/wire.h"

#define MEMBER_STATES(X)                                                                           \
    X(ALIVE, "alive")                                                                              \
    X(SUSPECT, "suspect") /* accused; dead unless it defends itself */                             \
    X(DEAD, "dead")                                                                                \
    X(LEFT, "left")           /* said so itself */                                                 \
    X(REPLACED, "replaced")   /* dead or left, and a node of its name with another disk came */    \
    X(FORGOTTEN, "forgotten") /* an operator said its disk will not come back. Final. */

enum member_state {
#define X(id, name) MEMBER_##id,
    MEMBER_STATES(X)
#undef X
        MEMBER_STATE_N
};

/* A language a node can run, by the CRC-32C of its name. */
struct member_language {
    uint32_t hash;
};

/* What a node says of itself. */
struct member_meta {
    char name[LIMIT_NAME + 1]; /* stable: a StatefulSet's ordinal */
    char zone[LIMIT_NAME + 1];
    char endpoint[LIMIT_ENDPOINT + 1];
    char client_endpoint[LIMIT_ENDPOINT + 1];
    char isolation[16];
    uint32_t slots;
    bool draining;
    int64_t born_ms; /* Unix time by its own clock when its disk was new; 0: not known */
    bool mute;       /* it has only started, and says later what it can run: until then what it last
                        said goes on standing here, in the tables of others */
    uint8_t n_languages;
    struct member_language languages[LIMIT_LANGUAGES];
};

/* Read only outside mesh/member.c. */
struct member {
    struct id nid;
    uint64_t incarnation;
    enum member_state state;
    struct member_meta meta;
    uint64_t since_ns; /* when it got into this state, as seen here */
    uint64_t known_ns; /* when it was first heard of here, in this life */
    uint64_t there_ns; /* when it last came, or came back from LEFT; 0: before this life */
};

/* "draining" for an alive node that says so, else the state's name. */
const char *member_state_name(const struct member *m);
/* Worth sending to, and voting: alive or suspect. */
static inline bool member_is_up(const struct member *m)
{
    return m->state <= MEMBER_SUSPECT;
}

/* It may hold what nobody else does, though it may be down. */
static inline bool member_is_there(enum member_state state)
{
    return state < MEMBER_LEFT;
}

struct member_config {
    struct id nid;
    uint64_t boot;
    uint64_t seed;
    struct member_meta meta;
    uint32_t probe_ms, probe_timeout_ms, gossip_ms; /* 0 = mesh/timing.h */
};

/* The types of payload; the mesh's frame types carry them one to one. */
#define MEMBER_PAYLOADS(X)                                                                         \
    X(PING)     /* [seq, target, rumours] */                                                       \
    X(PING_REQ) /* [seq, target, rumours] : please ping it for me */                               \
    X(ACK)      /* [seq, rumours] */                                                               \
    X(NACK)     /* [seq, rumours] : asked it, no answer yet */                                     \
    X(GOSSIP)   /* [rumours] */                                                                    \
    X(PUSHPULL) /* [is_reply, rumours of everybody] */

enum member_payload {
#define X(id) MEMBER_PAYLOAD_##id,
    MEMBER_PAYLOADS(X)
#undef X
        MEMBER_PAYLOAD_N
};

enum member_output_type {
    MEMBER_OUT_SEND,     /* `payload` of type `kind` to `nid` */
    MEMBER_OUT_STATE,    /* `nid` went from `before` to `after`; a new one has before == after */
    MEMBER_OUT_META,     /* `nid` says other things of itself: slots, draining, languages */
    MEMBER_OUT_BOOT,     /* `nid` runs a new life: its sessions are void */
    MEMBER_OUT_CONFLICT, /* `nid` is up under the name of another that is up */
    MEMBER_OUT_NAMESAKE, /* `nid` has this node's name and stays: this one must not go on */
    MEMBER_OUT_REFUTED,  /* this node was accused and denied it */
    MEMBER_OUT_AMNESIA,  /* peers know a later boot of this disk: it was rolled back */
    MEMBER_OUT_FORGOTTEN /* this node itself was forgotten: it must not go on */
};

struct member_output {
    enum member_output_type type;
    struct id nid;
    enum member_payload kind;
    struct span payload;
    enum member_state before, after;
};

struct members;

/* `config` is copied. */
struct members *members_new(const struct member_config *config);
void members_free(struct members *m);

/* Before the start: a peer known in an earlier life; of `old` nid, incarnation, state and meta
 * count. One that left, was replaced or was forgotten still is; of any other nothing is known
 * now, and it is DEAD until heard of. */
void members_load(struct members *m, const struct member *old);
void members_start(struct members *m, uint64_t now_ns);

/* Own entry, for HELLO and HELLO_ACK. One value. */
void members_introduce(const struct members *m, struct buf *out);
/* Reads it; `from` is who the transport says sent it. 0, or -EBADMSG when it is not by that
 * node, or unreadable (r->bad). */
int members_meet(struct members *m, const struct id *from, struct wire_reader *r, uint64_t now_ns);
/* Exchange lists with a peer at once: after the first HELLO_ACK, and when a seed answered. */
void members_join(struct members *m, const struct id *peer, uint64_t now_ns);

/* Reads one payload as a member of the frame: what follows it in `r` is the mesh's. Returns 0,
 * or -EBADMSG (r->bad is set). */
int members_recv(struct members *m, enum member_payload kind, const struct id *from,
                 struct wire_reader *r, uint64_t now_ns);
/* A link broke: probe that peer at once. It is not dead for that. */
void members_link_down(struct members *m, const struct id *nid, uint64_t now_ns);
void members_tick(struct members *m, uint64_t now_ns);
uint64_t members_deadline(const struct members *m);

/* What this node says of itself from now on. */
void members_set_meta(struct members *m, const struct member_meta *meta, uint64_t now_ns);
/* Tells all that it leaves; nothing is probed and no accusation answered after. */
void members_leave(struct members *m, uint64_t now_ns);
/* For ever, and for everybody: `nid` may be unknown here. */
void members_forget(struct members *m, const struct id *nid, uint64_t now_ns);

/* What came up since the last call, in order. Valid until the next call that is not const. */
const struct member_output *members_outputs(struct members *m, uint32_t *ret_n);

/* Everybody known, itself included and first, in the order they were heard of. Pointers stay
 * good until members_free(), or until a member is dropped: when LIMIT_NODES are known, the
 * longest replaced or left one gives way to a new one. */
uint32_t members_len(const struct members *m);
const struct member *members_at(const struct members *m, uint32_t i);
/* NULL when unknown. */
const struct member *members_get(const struct members *m, const struct id *nid);
const struct member *members_self(const struct members *m);
/* How many are in that state, itself included. */
uint32_t members_count(const struct members *m, enum member_state state);
/* Alive or suspect, itself included. */
uint32_t members_up(const struct members *m);
/* When somebody last came or went, in this life; 0: nobody. */
uint64_t members_changed_ns(const struct members *m);
/* 0 (well) .. TIMING_HEALTH_MAX - 1: this node's own trouble in keeping up. */
uint32_t members_health(const struct members *m);
/* Accusations this node made so far. */
uint64_t members_suspicions(const struct members *m);
/* Times of pings that were answered directly. */
const struct meter *members_rtt(const struct members *m);

uint64_t members_digest(const struct members *m);
void members_check(const struct members *m);
#endif
