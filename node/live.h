/* SPDX-License-Identifier: MPL-2.0 */
#ifndef NODE_LIVE_H
#define NODE_LIVE_H
/*
 * One program that a client talks to while it runs (mesh/message.h): compiled and run in one
 * slot, its standard descriptors joined to the client's messages by pipes or by a terminal of
 * its own. It is no job: nothing of it is kept, and it ends with its node or its client.
 *
 * What it holds is bounded: unread input by the window it granted, output by the pipes, which are
 * read only as far as the client's credit goes; a program nobody listens to stands still until
 * one of its limits ends it. The loop's thread only.
 */
#include "mesh/message.h"
#include "node/program.h"
#include "node/slot.h"

struct live;

struct live_limits {
    uint64_t wall_ms; /* of the program, however it spends it */
    uint64_t cpu_ms;
    uint64_t output; /* bytes of stdout and stderr together */
    uint64_t idle_ms;
};

/* What all sessions share; borrowed for their lives. */
struct live_env {
    struct loop *loop;
    struct slots *slots;
    const struct profile_set *profiles;
    struct program_policy policy;
    struct live_limits limits;
    const char *node;
    void (*send)(void *ctx, uint64_t client, struct span frame);
    void (*stepped)(void *ctx, const char *language, const char *phase,
                    const struct step_outcome *o);
    /* It has left its slot, or is over; it must not be freed within the call. */
    void (*changed)(void *ctx);
    void *ctx;
};

/* NULL: -EBADMSG, a spec that is no good; -ENOENT, no such language here. `open` is read during
 * the call only. Nothing is sent and nothing runs yet. */
struct live *live_new(const struct live_env *env, uint64_t client, const struct message *open,
                      struct err *err);
/* Also of one that runs, when the slots are gone already. */
void live_free(struct live *s);
/* Takes an idle slot and says SESSION_OPENED. -EAGAIN: there is none. */
int live_start(struct live *s, struct err *err);
/* A message of this session from its client. */
void live_message(struct live *s, const struct message *m);
/* Ends it before its time. */
void live_end(struct live *s, enum message_closing why);
/* Once a second: ends what is idle or has lost its client. */
void live_tick(struct live *s);
/* It has, or is about to have, a slot. */
bool live_runs(const struct live *s);
/* SESSION_CLOSED was sent; it may be freed. */
bool live_over(const struct live *s);
uint64_t live_client(const struct live *s);
uint64_t live_token(const struct live *s);
const char *live_tenant(const struct live *s);
#endif
