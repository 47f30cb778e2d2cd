/* SPDX-License-Identifier: MPL-2.0 */
#ifndef MESH_FRAME_H
#define MESH_FRAME_H
/*
 * What peers say to each other. A frame is a sequence of msgpack values, then the CRC-32C of
 * all of it (4 bytes, least significant first):
 *
 *     [version, cluster, session, generation] [type, fields...] [type, fields...] ...
 *
 * All that one step says to one peer on one lane travels in one frame. A frame of another
 * cluster, or of a session that was not opened by a HELLO, is dropped. Specs and results
 * travel whole, on the bulk lane, up to LIMIT_FRAME_BULK: the limits on both are below it, and
 * a slot is free before a job moves, so there is nothing that pieces would make fairer.
 *
 * Nothing was ever released: version 1 is what stands here now, and builds of other days need not
 * understand it. What follows holds from the first release on; so does that the number of a
 * message, its place below, is never given to another: new ones are appended.
 *
 * Versions. Frames that open a session (HELLO, HELLO_ACK, REFUSE) are of version 1 for ever, so
 * that everybody can read them; what later versions have to say follows in the same frame as
 * messages of their own, where an older reader stops. The first is START: it says which versions
 * its sender reads, and both sides then write the highest that both read. Version 2 is version 1
 * with START. A release reads at least the version before its own.
 */
#include "mesh/record.h"

enum {
    FRAME_VERSION = 2,     /* written to those who read it */
    FRAME_VERSION_MIN = 1, /* still read */
    FRAME_VERSION_HELLO = 1,
    FRAME_VERSION_START = 2, /* the first with START */
    FRAME_HEAD = 4,
    FRAME_CRC = 4,
    FRAME_FIELDS_MAX = 16
};

#define FRAMES(X)                                                                                  \
    X(HELLO, 5)      /* to, session, boot, generation, an introduction of mesh/member.h */         \
    X(HELLO_ACK, 6)  /* the session that is acknowledged, and the same */                          \
    X(REFUSE, 3)     /* to, boot, generation: your disk held more before */                        \
    X(SWIM, 3)       /* kind, payload of mesh/member.h, entries of mesh/load.h */                  \
    X(ACCEPT, 3)     /* record; its spec while pending, its result once ended, or nil; lost? */    \
    X(OK, 10)        /* jid promised(2) acc(2) ver decided cancel told need: its state */          \
    X(PREPARE, 4)    /* jid ballot(2) [names of the sets in which a key is to be created] */       \
    X(PROM, 4)       /* jid ballot(2) record */                                                    \
    X(PURGE, 2)      /* jid, hash of a keyed request: all hold the decision, forget it */          \
    X(ASK, 1)        /* jid: send me your record, or PURGE */                                      \
    X(BLOB_GET, 2)   /* jid, result? */                                                            \
    X(BLOB, 3)       /* jid, result?, bytes */                                                     \
    X(HINT, 3)       /* surplus, best class, entry of mesh/load.h */                               \
    X(STEAL, 3)      /* free slots, serial, load */                                                \
    X(GRANT, 6)      /* jid epoch attempt serial rset spec */                                      \
    X(DENY, 3)       /* serial, how many were granted, load: the end of the answer */              \
    X(RETURN, 3)     /* jid epoch attempt: not started here */                                     \
    X(RUNNING, 1)    /* [[jid epoch attempt]...] */                                                \
    X(PROGRESS, 4)   /* jid epoch attempt event */                                                 \
    X(RESULT, 5)     /* jid epoch attempt outcome bytes */                                         \
    X(RESULT_ACK, 4) /* jid epoch attempt owner: zero owner = taken, else ask that one */          \
    X(KILL, 3)       /* jid epoch attempt */                                                       \
    X(FORWARD, 2)    /* request, a client's message */                                             \
    X(REPLY, 2)      /* request, a message for the client */                                       \
    X(UNFORWARD, 1)  /* request: nobody waits for it any more */                                   \
    X(ELSEWHERE, 2)  /* request, who to ask instead; zero: not known here */                       \
    X(HANDOVER, 1)   /* jid: take over from me at once */                                          \
    X(DRAIN, 1)      /* deadline in ms: leave */                                                   \
    X(DIGEST, 1)     /* [hash...] of the jobs both hold, by bucket */                              \
    X(KEYS, 1)       /* [[jid acc(2) ver decided]...] of buckets that differ */                    \
    X(START, 4)      /* versions read (2), your start if confirmed, my lives: mesh/life.h */       \
    X(NONE, 2)       /* jid, damaged: I have no record of it, or cannot read it */                 \
    X(LANGUAGES_GET, 0)                                                                            \
    X(LANGUAGES, 1) /* an encoded LANGUAGES_REPLY of mesh/message.h: what I can run */

enum frame_type {
#define X(name, fields) FRAME_##name,
    FRAMES(X)
#undef X
        FRAME_TYPE_N
};
const char *frame_name(enum frame_type t);
uint32_t frame_fields(enum frame_type t);

struct frame_head {
    uint32_t version; /* FRAME_VERSION_MIN to FRAME_VERSION */
    uint32_t cluster;
    uint64_t session;
    uint64_t generation; /* batches the sender's disk has stored for certain */
};

/* Puts the head in front of `body` and the CRC behind it. */
void frame_encode(const struct frame_head *head, struct span body, struct buf *out);
/* Leaves `ret_body` before the first message. 0 or -EBADMSG. */
int frame_decode(struct span frame, struct frame_head *ret_head, struct wire_reader *ret_body);
/* The next message's type, its fields next in `r`. 1; 0 at the end; -EBADMSG. */
int frame_next(struct wire_reader *r, enum frame_type *ret_type);
void frame_put(struct buf *b, enum frame_type t);
#endif
