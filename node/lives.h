/* SPDX-License-Identifier: MPL-2.0 */
#ifndef NODE_LIVES_H
#define NODE_LIVES_H
/*
 * The sessions of this node. One takes an idle slot that no job here waits for, and so never goes
 * before a job; all of them together leave slots to jobs, and one tenant leaves some to others.
 * A slot in a session's hands is not offered to the mesh. The loop's thread only.
 */
#include "node/live.h"
#include "node/runs.h"

struct lives;

struct lives_config {
    struct live_env env; /* without its hooks */
    struct runs *runs;
    uint32_t max;        /* at a time */
    uint32_t tenant_max; /* of a tenant with a name */
    uint64_t seed;
};

struct lives_hooks {
    void (*send)(void *ctx, uint64_t client, struct span frame);
    void (*stepped)(void *ctx, const char *language, const char *phase,
                    const struct step_outcome *o);
    /* This node is leaving: all are ended, and new ones refused. Asked once a second. */
    bool (*leaving)(void *ctx);
    void *ctx;
};

struct lives *lives_new(const struct lives_config *config, const struct lives_hooks *hooks);
/* What runs is left to whoever frees the slots, before or after. */
void lives_free(struct lives *s);
/* A frame of a session (message_type_session()) from a client. */
void lives_frame(struct lives *s, uint64_t client, struct span frame);
/* The client is gone: so are its sessions. */
void lives_gone(struct lives *s, uint64_t client);
/* That have a slot. */
uint32_t lives_len(const struct lives *s);
#endif
