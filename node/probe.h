/* SPDX-License-Identifier: MPL-2.0 */
#ifndef NODE_PROBE_H
#define NODE_PROBE_H
/*
 * The little HTTP server for Kubernetes and Prometheus: GET of a few paths, one request a
 * connection. Not for the public: it has a cap on connections, on the size of a request and on
 * its time, and knows nothing of bodies. The loop's thread only.
 */
#include "base/buf.h"
#include "base/err.h"
#include "node/loop.h"

struct probe;

/* Fills `body` for a path and returns the HTTP status; 404 for a path it does not know. */
typedef int probe_answer(void *ctx, const char *path, struct buf *body);

struct probe_config {
    struct loop *loop;
    const char *address;
    uint16_t port; /* 0: any free one, see probe_port() */
    probe_answer *answer;
    void *ctx;
};
/* NULL on error. */
struct probe *probe_new(const struct probe_config *config, struct err *err);
void probe_free(struct probe *p);
uint16_t probe_port(const struct probe *p);
#endif
