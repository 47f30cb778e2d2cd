/* SPDX-License-Identifier: MPL-2.0 */
#ifndef MESH_WATCH_H
#define MESH_WATCH_H
/*
 * Those who wait for something of a job this node answers for, and what they are told: an
 * answer when it is durable, decided or changed, or a stream of its events. A job keeps its
 * last LIMIT_EVENTS_PER_JOB events for one who comes back; what is older is told as a gap.
 */
#include "mesh/state.h"

struct watch_wish {
    enum wait_kind kind;
    struct asker who;
    uint64_t seen;
    uint64_t due_ns; /* STATE_NEVER: as long as it takes */
    bool duplicate;
};
void watch_add(struct mesh *m, struct job *j, const struct watch_wish *wish);
/* Ends the waits of a client that is gone, or one of an asker. */
void watch_client_gone(struct mesh *m, uint64_t client);
void watch_asker_gone(struct mesh *m, const struct asker *who);
void watch_unwatch(struct mesh *m, const struct id *jid, uint64_t client);

/* What happened. */
void watch_durable(struct mesh *m, struct job *j);
void watch_changed(struct mesh *m, struct job *j);
void watch_event(struct mesh *m, struct job *j, enum message_event_kind kind, struct span body);
void watch_decided(struct mesh *m, struct job *j);
/* This node does not own it any more: who asked here is sent to the new owner. */
void watch_moved(struct mesh *m, struct job *j);
void watch_job_gone(struct mesh *m, struct job *j);

/* Sends to whoever asked. */
void watch_answer(struct mesh *m, const struct asker *who, struct message *msg);
/* Of a submit that somebody else was asked for before, a refusal for want of room says nothing: it
 * is told as UNKNOWN_OUTCOME. */
bool watch_is_definite(const struct asker *who, enum message_refusal why);
void watch_refuse(struct mesh *m, const struct asker *who, enum message_refusal why,
                  uint32_t retry_after_ms);
/* The job as it is now, with its result when it has one. */
void watch_view(struct mesh *m, struct job *j, const struct asker *who);
/* What the job was submitted as. */
void watch_spec(struct mesh *m, struct job *j, const struct asker *who);
/* The result, or the spec, was read for a READ_ANSWER or READ_EVENT. */
void watch_read(struct mesh *m, const struct read *r, int status, struct span bytes);
/* The seq of the event that ends a stream; above all others. */
extern const uint64_t watch_seq_decided;
#endif
