/* SPDX-License-Identifier: MPL-2.0 */
#include "api-bridge/config.h"

#include "api-bridge/ticket.h"
#include "base/own.h"

#include <errno.h>
#include <sched.h>
#include <sys/random.h>

static const struct config_key keys[] = {
    {"ARENA_HTTP_BIND", CONFIG_TEXT, "0.0.0.0", 0, LIMIT_NAME, "address to listen on", false,
     false},
    {"ARENA_HTTP_PORT", CONFIG_UINT, "3001", 0, 65535, "port to listen on", false, false},
    {"ARENA_HTTP_LOOPS", CONFIG_UINT, "0", 0, API_LOOPS_MAX, "HTTP loops; 0 = one per CPU but one",
     false, false},
    {"ARENA_PEERS", CONFIG_TEXT, "tcp://127.0.0.1:7948", 0, 0,
     "client endpoints of nodes, with commas; others are learnt", false, false},
    {"ARENA_KEY_FILE", CONFIG_TEXT, "", 0, 0,
     "the cluster's key, which others may not read; none = plain links", false, false},
    {"ARENA_TLS_CERT", CONFIG_TEXT, "", 0, 0, "PEM certificate chain; none = no TLS", false, false},
    {"ARENA_TLS_KEY", CONFIG_TEXT, "", 0, 0, "PEM key of the certificate", false, false},
    {"LOG_LEVEL", CONFIG_TEXT, "info", 0, 8, "debug, info, warn or error", true, false},
    {"ARENA_ACCESS_LOG", CONFIG_TEXT, "-", 0, 0, "a file, - for standard output, or off", false,
     false},
    {"METRICS_ENABLED", CONFIG_BOOL, "true", 0, 0, "answer GET /metrics", true, false},
    {"ARENA_HTTP_BODY_MAX", CONFIG_SIZE, "1m", 1024, 8 * LIMIT_MIB, "largest body of a submit",
     true, false},
    {"ARENA_HTTP_BATCH_MAX", CONFIG_SIZE, "8m", 1024, 32 * LIMIT_MIB, "largest body of a batch",
     true, false},
    {"ARENA_HTTP_HEADER_TIMEOUT", CONFIG_MILLIS, "10s", 100, 600000, "for the request's headers",
     true, false},
    {"ARENA_HTTP_BODY_TIMEOUT", CONFIG_MILLIS, "30s", 100, 600000, "for the request's body", true,
     false},
    {"ARENA_HTTP_KEEPALIVE_TIMEOUT", CONFIG_MILLIS, "60s", 100, 600000, "between two requests",
     true, false},
    {"ARENA_HTTP_WRITE_TIMEOUT", CONFIG_MILLIS, "30s", 100, 600000,
     "for a client to read its answer", true, false},
    {"ARENA_HTTP_WAIT_MAX", CONFIG_MILLIS, "30s", 1000, 600000, "longest ?wait=", true, false},
    {"ARENA_HTTP_HEARTBEAT", CONFIG_MILLIS, "15s", 500, 600000, "between signs of life of a stream",
     true, false},
    {"ARENA_HTTP_DRAIN", CONFIG_MILLIS, "10s", 0, 600000, "to finish requests after SIGTERM", true,
     false},
    {"ARENA_HTTP_CONNECTIONS_MAX", CONFIG_UINT, "20000", 1, 1000000, "open connections per loop",
     true, false},
    {"ARENA_HTTP_ADDRESS_MAX", CONFIG_UINT, "12000", 0, 1000000,
     "open connections per client address; 0 = any", true, false},
    {"ARENA_HTTP_STREAMS_MAX", CONFIG_UINT, "15000", 1, 1000000, "open event streams per loop",
     true, false},
    {"ARENA_HTTP_STREAMS_TOKEN_MAX", CONFIG_UINT, "5000", 0, 1000000,
     "open event streams per token; 0 = any", true, false},
    {"ARENA_CACHE_SIZE", CONFIG_SIZE, "8m", 0, LIMIT_FRAME_BULK * 64,
     "answers about finished jobs kept per loop; 0 = none", false, false},
    {"ARENA_HTTP_SESSIONS_MAX", CONFIG_UINT, "200", 0, 100000, "open sessions; 0 = any", false,
     false},
    {"ARENA_HTTP_SESSIONS_ADDRESS_MAX", CONFIG_UINT, "10", 0, 100000,
     "open sessions per address; 0 = any", false, false},
    {"ARENA_HTTP_SESSIONS_TOKEN_MAX", CONFIG_UINT, "10", 0, 100000,
     "open sessions per token; 0 = any", false, false},
    {"MAX_CODE_SIZE", CONFIG_SIZE, "65536", 1, 8 * LIMIT_MIB, "largest source code of a job", true,
     false},
    {"ARENA_TESTS_MAX", CONFIG_UINT, "1000", 1, LIMIT_TESTS, "most test cases of a job", true,
     false},
    {"ARENA_BATCH_MAX", CONFIG_UINT, "1000", 1, 1000, "most jobs of a batch", true, false},
    {"ARENA_TIME_LIMIT_MAX", CONFIG_MILLIS, "60s", 1, 3600000, "most CPU time a job may ask for",
     true, false},
    {"ARENA_WALL_LIMIT_MAX", CONFIG_MILLIS, "150s", 1, 3600000, "most wall time a job may ask for",
     true, false},
    {"ARENA_MEMORY_LIMIT_MAX", CONFIG_SIZE, "1g", 1, 0, "most memory a job may ask for", true,
     false},
    {"ARENA_OUTPUT_LIMIT_MAX", CONFIG_SIZE, "4m", 1, LIMIT_RESULT, "most output a job may ask for",
     true, false},
    {"ARENA_PROCESSES_LIMIT_MAX", CONFIG_UINT, "256", 1, 4096, "most processes a job may ask for",
     true, false},
    {"ARENA_COMPILE_TIME_LIMIT_MAX", CONFIG_MILLIS, "120s", 1, 3600000,
     "most compile time a job may ask for", true, false},
    {"ARENA_FILE_LIMIT_MAX", CONFIG_SIZE, "256m", 1, 0, "largest file a job may ask to write", true,
     false},
    {"API_RATE_LIMIT", CONFIG_UINT, "100", 0, 100000000, "requests a minute per address; 0 = any",
     true, false},
    {"ARENA_TOKEN_RATE_LIMIT", CONFIG_UINT, "0", 0, 100000000,
     "requests a minute per token; 0 = any", true, false},
    {"ARENA_TRUSTED_PROXIES", CONFIG_TEXT, "", 0, 0, "networks whose X-Forwarded-For counts", false,
     false},
    {"ARENA_RATE_EXEMPT", CONFIG_TEXT, "", 0, 0, "networks without a rate limit", false, false},
    {"ARENA_COMPAT_PISTON", CONFIG_BOOL, "true", 0, 0, "serve Piston's API under /api/v2", true,
     false},
    {"ARENA_COMPAT_JUDGE0", CONFIG_BOOL, "true", 0, 0, "serve Judge0's API: /submissions ...", true,
     false},
    {"ARENA_CORS_ORIGINS", CONFIG_TEXT, "*", 0, 0, "origins whose pages may read answers", false,
     false},
    {"ARENA_JWT_KEYS", CONFIG_TEXT, "", 0, 0, "JWKS or key file; none = no authentication", false,
     false},
    {"ARENA_JWT_ISSUER", CONFIG_TEXT, "", 0, 0, "iss a token must have", false, false},
    {"ARENA_JWT_AUDIENCE", CONFIG_TEXT, "", 0, 0, "aud a token must have", false, false},
    {"ARENA_TICKET_SECRET", CONFIG_TEXT, "", 0, 0,
     "signs stream tickets; none = good at this bridge only, until it ends", false, true},
    {"ARENA_WEBHOOK_SECRET", CONFIG_TEXT, "", 0, 0, "signs callbacks; none = no callbacks", false,
     true},
    {"ARENA_WEBHOOK_ALLOW", CONFIG_TEXT, "", 0, 0,
     "networks that callbacks may go to though they are not public", false, false},
    {"ARENA_WEBHOOK_HTTP", CONFIG_BOOL, "false", 0, 0, "callbacks may go to http URLs too", false,
     false},
    {"ARENA_WEBHOOK_ATTEMPTS", CONFIG_UINT, "10", 1, 100, "times a callback is tried", false,
     false},
};

void api_config_help(FILE *out)
{
    struct config *c = config_new(keys, ARRAY_LEN(keys));

    config_help(c, out);
    config_free(c);
}

static int read_peers(struct api_config *c, struct err *err)
{
    const char *at = config_text(c->raw, "ARENA_PEERS");

    for (; *at; at += *at == ',') {
        size_t len = strcspn(at, ",");

        while (len > 0 && *at == ' ') {
            at++;
            len--;
        }
        if (len == 0)
            continue;
        if (len > LIMIT_ENDPOINT || c->n_peers == API_PEERS_MAX)
            return err_set(err, EINVAL, "ARENA_PEERS: at most %d endpoints of %d bytes",
                           API_PEERS_MAX, LIMIT_ENDPOINT);
        memcpy(c->peers[c->n_peers], at, len);
        c->peers[c->n_peers][len] = '\0';
        while (len > 0 && c->peers[c->n_peers][len - 1] == ' ')
            c->peers[c->n_peers][--len] = '\0';
        if (strncmp(c->peers[c->n_peers], "tcp://", 6) != 0)
            return err_set(err, EINVAL, "ARENA_PEERS: \"%s\" is not of the form tcp://HOST:PORT",
                           c->peers[c->n_peers]);
        c->n_peers++;
        at += strcspn(at, ",");
    }
    return c->n_peers ? 0 : err_set(err, EINVAL, "ARENA_PEERS: at least one endpoint is needed");
}

static unsigned cpus(void)
{
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof(set), &set) < 0)
        return 1;
    return (unsigned)CPU_COUNT(&set);
}

static uint32_t millis(const struct api_config *c, const char *name)
{
    return (uint32_t)config_uint(c->raw, name);
}

static void read_times(struct api_config *c)
{
    c->header_ms = millis(c, "ARENA_HTTP_HEADER_TIMEOUT");
    c->handshake_ms = c->header_ms;
    c->body_ms = millis(c, "ARENA_HTTP_BODY_TIMEOUT");
    c->keep_alive_ms = millis(c, "ARENA_HTTP_KEEPALIVE_TIMEOUT");
    c->write_ms = millis(c, "ARENA_HTTP_WRITE_TIMEOUT");
    c->linger_ms = 2000;
    c->wait_ms_max = millis(c, "ARENA_HTTP_WAIT_MAX");
    c->heartbeat_ms = millis(c, "ARENA_HTTP_HEARTBEAT");
    c->drain_ms = millis(c, "ARENA_HTTP_DRAIN");
}

static void read_ceilings(struct api_config *c)
{
    c->code_max = config_uint(c->raw, "MAX_CODE_SIZE");
    c->tests_max = millis(c, "ARENA_TESTS_MAX");
    c->batch_max = millis(c, "ARENA_BATCH_MAX");
    c->ceiling = (struct spec_limits){
        .cpu_ms = config_uint(c->raw, "ARENA_TIME_LIMIT_MAX"),
        .wall_ms = config_uint(c->raw, "ARENA_WALL_LIMIT_MAX"),
        .memory = config_uint(c->raw, "ARENA_MEMORY_LIMIT_MAX"),
        .output = config_uint(c->raw, "ARENA_OUTPUT_LIMIT_MAX"),
        .processes = config_uint(c->raw, "ARENA_PROCESSES_LIMIT_MAX"),
        .compile_ms = config_uint(c->raw, "ARENA_COMPILE_TIME_LIMIT_MAX"),
        .compile_memory = config_uint(c->raw, "ARENA_MEMORY_LIMIT_MAX") * 2,
        .stack = config_uint(c->raw, "ARENA_MEMORY_LIMIT_MAX"),
        .file_size = config_uint(c->raw, "ARENA_FILE_LIMIT_MAX"),
    };
}

static int read_webhook(struct api_config *c, struct err *err)
{
    c->webhook = (struct api_webhook_options){
        .secret = config_text(c->raw, "ARENA_WEBHOOK_SECRET"),
        .allow_http = config_bool(c->raw, "ARENA_WEBHOOK_HTTP"),
        .timeout_ms = 10000,
        .first_ms = 1000,
        .attempts_max = (uint32_t)config_uint(c->raw, "ARENA_WEBHOOK_ATTEMPTS"),
        .concurrency = 32,
    };
    if (getrandom(&c->webhook.seed, sizeof(c->webhook.seed), 0) != sizeof(c->webhook.seed))
        return err_errno(err, "getrandom");
    if (api_nets_parse(config_text(c->raw, "ARENA_WEBHOOK_ALLOW"), &c->webhook.allow, err) < 0)
        return err_wrap(err, "ARENA_WEBHOOK_ALLOW");
    return 0;
}

static int read_values(struct api_config *c, struct err *err)
{
    unsigned loops = (unsigned)config_uint(c->raw, "ARENA_HTTP_LOOPS");
    unsigned n = cpus();

    (void)snprintf(c->bind, sizeof(c->bind), "%s", config_text(c->raw, "ARENA_HTTP_BIND"));
    c->port = (uint16_t)config_uint(c->raw, "ARENA_HTTP_PORT");
    c->loops = loops ? loops : n > 1 ? n - 1 : 1;
    if (c->loops > API_LOOPS_MAX)
        c->loops = API_LOOPS_MAX;
    c->tls_cert = config_text(c->raw, "ARENA_TLS_CERT");
    c->tls_key = config_text(c->raw, "ARENA_TLS_KEY");
    c->access_log = config_text(c->raw, "ARENA_ACCESS_LOG");
    c->key_file = config_text(c->raw, "ARENA_KEY_FILE");
    c->metrics = config_bool(c->raw, "METRICS_ENABLED");
    c->body_max[API_BODY_SMALL] = 64 * LIMIT_KIB;
    c->body_max[API_BODY_SUBMIT] = config_uint(c->raw, "ARENA_HTTP_BODY_MAX");
    c->body_max[API_BODY_BATCH] = config_uint(c->raw, "ARENA_HTTP_BATCH_MAX");
    c->cache_max = config_uint(c->raw, "ARENA_CACHE_SIZE");
    c->connections_max = millis(c, "ARENA_HTTP_CONNECTIONS_MAX");
    c->address_max = millis(c, "ARENA_HTTP_ADDRESS_MAX");
    c->streams_max = millis(c, "ARENA_HTTP_STREAMS_MAX");
    c->token_streams_max = millis(c, "ARENA_HTTP_STREAMS_TOKEN_MAX");
    read_times(c);
    read_ceilings(c);
    if (log_level_parse(config_text(c->raw, "LOG_LEVEL"), &c->log_level) < 0)
        return err_set(err, EINVAL, "LOG_LEVEL: must be debug, info, warn or error");
    if (api_ticket_key(config_text(c->raw, "ARENA_TICKET_SECRET"), c->ticket_key) < 0)
        return err_set(err, EIO, "no random bytes");
    if (read_webhook(c, err) < 0)
        return -err->code;
    return read_peers(c, err);
}

int api_config_load(struct api_config *c, const char *file, struct err *err)
{
    int r;

    *c = (struct api_config){.raw = config_new(keys, ARRAY_LEN(keys))};
    r = file && file[0] ? config_load(c->raw, file, err) : 0;
    if (r == 0)
        r = config_set_environment(c->raw, NULL, err);
    if (r == 0)
        r = read_values(c, err);
    if (r < 0)
        api_config_done(c);
    return r;
}

void api_config_keep(struct api_config *fresh, const struct api_config *old, const char **ret_kept)
{
    *ret_kept = NULL;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        const char *name = keys[i].name;
        bool text = keys[i].kind == CONFIG_TEXT;

        if (keys[i].reload)
            continue;
        if (text ? strcmp(config_text(fresh->raw, name), config_text(old->raw, name)) != 0
                 : config_uint(fresh->raw, name) != config_uint(old->raw, name))
            *ret_kept = name;
    }
    /* Those are read once, when the program starts; only these are looked at later. */
    fresh->port = old->port;
    fresh->loops = old->loops;
    memcpy(fresh->ticket_key, old->ticket_key, sizeof(fresh->ticket_key));
}

void api_config_done(struct api_config *c)
{
    config_free(c->raw);
    c->raw = NULL;
}
