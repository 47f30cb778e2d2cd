/* SPDX-License-Identifier: MPL-2.0 */
#ifndef API_CONFIG_H
#define API_CONFIG_H
/*
 * The bridge's settings: the table (names, defaults, --help), and the values the hot paths
 * need, read once. A module with settings of its own adds its rows to the table in
 * api-bridge/config.c and asks `raw` for them when it starts. Loaded before the loops; a
 * reload gives each loop the new values in its own thread.
 */
#include "api-bridge/route.h"
#include "api-bridge/webhook.h"
#include "base/config.h"
#include "base/log.h"
#include "mesh/spec.h"

enum { API_PEERS_MAX = 16, API_LOOPS_MAX = 16 };

struct api_config {
    struct config *raw; /* owned */

    char bind[LIMIT_NAME + 1];
    uint16_t port;
    unsigned loops;
    const char *tls_cert; /* file names; "" = no TLS */
    const char *tls_key;
    enum log_level log_level;
    const char *access_log; /* "-" standard output, "off", or a file */

    unsigned n_peers;
    char peers[API_PEERS_MAX][LIMIT_ENDPOINT + 1];
    const char *key_file; /* of the cluster; "" = plain links */

    uint64_t body_max[API_BODY_N];
    uint32_t header_ms, body_ms, keep_alive_ms, write_ms, handshake_ms, linger_ms;
    uint32_t wait_ms_max, heartbeat_ms, drain_ms;
    uint32_t connections_max, address_max, streams_max, token_streams_max;

    uint64_t cache_max;         /* bytes of answers about finished jobs, of one loop */
    uint64_t code_max;          /* bytes of all source files of a job */
    struct spec_limits ceiling; /* what a job may ask for */
    uint32_t tests_max, batch_max;
    bool metrics;
    uint8_t ticket_key[32];             /* api-bridge/ticket.h */
    struct api_webhook_options webhook; /* texts borrowed from raw */
};

/* Defaults, then `file` (a zconfig file, "" = none), then the environment. */
int api_config_load(struct api_config *c, const char *file, struct err *err);
void api_config_done(struct api_config *c);
/* Puts back into `fresh` the values that only a restart may change; *ret_kept names one, or
 * is NULL. */
void api_config_keep(struct api_config *fresh, const struct api_config *old, const char **ret_kept);
/* The table, for --help. */
void api_config_help(FILE *out);
#endif
