/* SPDX-License-Identifier: MPL-2.0 */
#ifndef API_WAIT_H
#define API_WAIT_H
/*
 * A job's view: now, or as soon as it is final, or when a time is up. Nothing polls: the mesh
 * answers when something changed. Belongs to its loop.
 */
#include "api-bridge/link.h"

struct api_wait;

/* Exactly one of `job` and `f`; borrowed for the call. */
typedef void (*api_wait_answer)(void *ctx, const struct message_job *job,
                                const struct api_fault *f);

struct api_wait_for {
    struct id jid;
    const char *tenant; /* borrowed for the call */
    uint32_t wait_ms;   /* 0 = the view as it is */
};
/* Calls `fn` once, later; the wait is over then. NULL: too many requests are under way. */
struct api_wait *api_wait_new(struct api_link *link, const struct api_wait_for *what,
                              api_wait_answer fn, void *ctx);
/* `fn` is not called any more. */
void api_wait_free(struct api_wait *w);
/* The answer at the next opportunity, whatever the state. */
void api_wait_hurry(struct api_wait *w);
#endif
