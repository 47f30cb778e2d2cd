/* SPDX-License-Identifier: MPL-2.0 */
#ifndef API_LINK_H
#define API_LINK_H
/*
 * The bridge's side of the conversation with the mesh (mesh/message.h): requests to any peer
 * that answers, and to another when that one dies, is silent or is leaving. Every request may
 * therefore arrive more than once: a SUBMIT must carry a key. One link per loop, in its
 * thread; it keeps no state that matters beyond the requests under way.
 */
#include "api-bridge/http.h"
#include "mesh/message.h"

#include <uv.h>

struct api_link;
struct api_config;
struct api_metrics;

/* What came: exactly one of `m` and `f`; both borrowed. A refusal comes as a fault, and so does an
 * answer that does not fit the question. */
typedef void (*api_link_answer)(void *ctx, const struct message *m, const struct api_fault *f);

struct api_link *api_link_new(uv_loop_t *loop, const struct api_config *config,
                              struct api_metrics *metrics, struct err *err);
/* Requests under way are dropped without an answer. */
void api_link_free(struct api_link *l);
/* Peers that answer, and peers that are known. */
unsigned api_link_peers_up(const struct api_link *l);
unsigned api_link_peers(const struct api_link *l);

/*
 * Asks, and calls `fn` once, later, never from inside this call. `wait_ms` is the time the
 * peer itself may take by the request's own words. Returns a number for api_link_forget(), or
 * 0 when too many requests are under way (API_FAULT_BUSY): then `fn` is not called.
 */
uint64_t api_link_ask(struct api_link *l, struct message *m, uint32_t wait_ms, api_link_answer fn,
                      void *ctx);
/* What to watch: events of a job behind the one numbered `after`. */
struct api_link_topic {
    struct id jid;
    const char *tenant; /* borrowed for the call */
    uint64_t after;
};
/* A WATCH: `fn` gets every EVENT; the last call is the event DECIDED or a fault, and ends it.
 * When a peer is lost, it goes on with another behind the last event seen. */
uint64_t api_link_watch(struct api_link *l, const struct api_link_topic *topic, api_link_answer fn,
                        void *ctx);
/* No call to `fn` any more. A number that is over is ignored. */
void api_link_forget(struct api_link *l, uint64_t number);
#endif
