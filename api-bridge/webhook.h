/* SPDX-License-Identifier: MPL-2.0 */
#ifndef API_WEBHOOK_H
#define API_WEBHOOK_H
/*
 * Tells a client's server what came of a job: POST (or PUT) of JSON, signed, repeated until it
 * is taken.
 *
 *   X-Arena-Event: the event's id, the same in every repetition
 *   X-Arena-Timestamp: Unix seconds of this attempt
 *   X-Arena-Signature: sha256=<hex HMAC-SHA256 of "<timestamp>.<event id>.<body>">
 *
 * Taken means any 2xx. 410 means never again. Everything else is repeated with exponential
 * backoff and jitter. An address that is not public (api_address_public) is refused when the
 * connection is made, after the name was resolved, so that no DNS answer gets around it;
 * redirects are not followed. At least once: a receiver must expect repetitions.
 *
 * Lives in one loop's thread. api-bridge/webhook.c is the only file that includes curl.
 */
#include "api-bridge/address.h"
#include "api-bridge/http.h"
#include "base/buf.h"
#include "base/id.h"

typedef struct uv_loop_s uv_loop_t;

struct api_webhooks;

struct api_webhook_options {
    const char *secret;    /* of the signature; "" = unsigned, and then none is sent at all */
    struct api_nets allow; /* networks that are fine though not public */
    bool allow_http;       /* without it only https */
    uint32_t timeout_ms;   /* of one attempt */
    uint32_t first_ms;     /* wait before the second attempt; doubles */
    uint32_t attempts_max; /* then it is given up (done with ok = false) */
    uint32_t concurrency;  /* attempts under way at once */
    uint64_t seed;
};

/* `ok`: it was taken (or 410). Called once for each send, from the loop. */
typedef void (*api_webhook_done)(void *ctx, const struct id *event, bool ok);

struct api_webhooks *api_webhooks_new(uv_loop_t *loop, const struct api_webhook_options *options);
/* Drops what has not been delivered, without calling back. The loop must run once more. */
void api_webhooks_free(struct api_webhooks *w);
struct api_webhook_call {
    const char *url;
    const struct id *event; /* names it in every repetition */
    struct span body;
    api_webhook_done done;
    void *ctx;
    bool put; /* with PUT, as other APIs' receivers want it */
};

/* Starts to deliver; everything is copied. -EPERM without a secret, -ENOBUFS when too many wait. */
int api_webhook_send(struct api_webhooks *w, const struct api_webhook_call *call);
/* Deliveries that are not done yet. */
size_t api_webhooks_pending(const struct api_webhooks *w);
/* Faults a URL that could never be called: its form, scheme, user, or a literal address that
 * is not allowed. */
void api_webhook_url_check(const struct api_webhook_options *options, const char *url,
                           const char *field, struct api_fault *f);
#endif
