/* SPDX-License-Identifier: MPL-2.0 */
/*
 * arena-bridge: REST in front of the mesh.
 *
 * How this works: the main thread reads the settings, makes what the loops share (TLS context,
 * gates, metrics), starts one thread per HTTP loop, and then only waits for signals: SIGTERM
 * and SIGINT stop, SIGHUP reads the settings again.
 */
#include "api-bridge/auth.h"
#include "api-bridge/config.h"
#include "api-bridge/cors.h"
#include "api-bridge/json.h"
#include "api-bridge/limiter.h"
#include "api-bridge/metrics.h"
#include "api-bridge/peer.h"
#include "api-bridge/quota.h"
#include "api-bridge/server.h"
#include "api-bridge/tls.h"
#include "base/own.h"

#include <config.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <sys/random.h>

enum {
    MAIN_RELOADS_MAX = 1024,
    /* Connections that are too many and stay open until they have read so. */
    MAIN_REFUSALS_MAX = 256,
    MAIN_REFUSALS_ADDRESS_MAX = 16
};

struct bridge {
    const char *config_file;
    struct api_config *config;   /* of now */
    struct api_config **retired; /* loops may still look at them */
    unsigned n_retired;
    struct api_shared shared;
    struct api_auth *auth;
    struct api_cors *cors;
    struct api_limiter *limiter;
    struct api_metrics_set metrics;
    struct api_tls *tls;
    int log_fd;
    unsigned n_servers;
    struct api_server servers[API_LOOPS_MAX];
    uv_thread_t threads[API_LOOPS_MAX];
};

static void usage(FILE *out)
{
    fprintf(out,
            "usage: arena-bridge [--config FILE]\n\n"
            "The REST API of a mesh of arenad nodes. Settings come from the environment, then\n"
            "from FILE (NAME = VALUE a line; or the file named by ARENA_CONFIG):\n\n");
    api_config_help(out);
}

static int open_access_log(const char *name, struct err *err)
{
    int fd;

    if (strcmp(name, "off") == 0 || !name[0])
        return -1;
    if (strcmp(name, "-") == 0)
        return STDOUT_FILENO;
    fd = open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    return fd < 0 ? err_errno(err, "ARENA_ACCESS_LOG: open %s", name) : fd;
}

/* Those that a reload may change. */
static void set_quotas(struct bridge *b)
{
    const struct api_config *c = b->config;
    const struct api_quota_limits connections = {.address = c->address_max};
    const struct api_quota_limits streams = {.token = c->token_streams_max};

    api_quota_limits_set(b->shared.connections, &connections);
    api_quota_limits_set(b->shared.streams, &streams);
}

static void make_quotas(struct bridge *b, uint64_t seed)
{
    const struct config *raw = b->config->raw;
    const struct api_quota_limits any = {0};
    const struct api_quota_limits refusals = {.total = MAIN_REFUSALS_MAX,
                                              .address = MAIN_REFUSALS_ADDRESS_MAX};
    const struct api_quota_limits sessions = {
        .total = (uint32_t)config_uint(raw, "ARENA_HTTP_SESSIONS_MAX"),
        .address = (uint32_t)config_uint(raw, "ARENA_HTTP_SESSIONS_ADDRESS_MAX"),
        .token = (uint32_t)config_uint(raw, "ARENA_HTTP_SESSIONS_TOKEN_MAX")};

    b->shared.connections = api_quota_new(&any, seed);
    b->shared.streams = api_quota_new(&any, seed);
    b->shared.refusals = api_quota_new(&refusals, seed);
    b->shared.sessions = api_quota_new(&sessions, seed);
    set_quotas(b);
}

static int make_limiter(struct bridge *b, struct err *err)
{
    const struct config *raw = b->config->raw;
    struct api_limiter_options o = {
        .per_minute = (uint32_t)config_uint(raw, "API_RATE_LIMIT"),
        .token_per_minute = (uint32_t)config_uint(raw, "ARENA_TOKEN_RATE_LIMIT"),
    };

    if (api_nets_parse(config_text(raw, "ARENA_TRUSTED_PROXIES"), &o.trusted, err) < 0)
        return err_wrap(err, "ARENA_TRUSTED_PROXIES");
    if (api_nets_parse(config_text(raw, "ARENA_RATE_EXEMPT"), &o.exempt, err) < 0)
        return err_wrap(err, "ARENA_RATE_EXEMPT");
    if (getrandom(&o.seed, sizeof(o.seed), 0) != sizeof(o.seed))
        return err_errno(err, "getrandom");
    b->limiter = api_limiter_new(&o);
    make_quotas(b, ~o.seed);
    return 0;
}

static int make_gates(struct bridge *b, struct err *err)
{
    const struct config *raw = b->config->raw;
    struct api_auth_options auth = {
        .key_file = config_text(raw, "ARENA_JWT_KEYS"),
        .issuer = config_text(raw, "ARENA_JWT_ISSUER"),
        .audience = config_text(raw, "ARENA_JWT_AUDIENCE"),
    };

    if (make_limiter(b, err) < 0)
        return -err->code;
    b->auth = api_auth_new(&auth, err);
    if (!b->auth)
        return -err->code;
    b->cors = api_cors_new(config_text(raw, "ARENA_CORS_ORIGINS"));
    b->shared.limiter = b->limiter;
    api_gates_add(&b->shared.gates, api_cors_pass, b->cors);
    api_gates_add(&b->shared.gates, api_limiter_address_pass, b->limiter);
    api_gates_add(&b->shared.gates, api_auth_pass, b->auth);
    api_gates_add(&b->shared.gates, api_limiter_token_pass, b->limiter);
    return 0;
}

static int make_shared(struct bridge *b, struct err *err)
{
    const struct api_config *c = b->config;

    b->log_fd = open_access_log(c->access_log, err);
    if (b->log_fd < -1)
        return b->log_fd;
    if (c->tls_cert[0]) {
        b->tls = api_tls_new(c->tls_cert, c->tls_key, err);
        if (!b->tls)
            return -err->code;
        b->shared.tls = b->tls;
    }
    if (make_gates(b, err) < 0)
        return -err->code;
    api_metrics_init(&b->metrics, c->loops);
    b->shared.metrics = &b->metrics;
    return api_peer_library_init(c->key_file, err);
}

static void run_loop(void *server)
{
    api_server_run(server);
}

static void stop_servers(struct bridge *b)
{
    for (unsigned i = 0; i < b->n_servers; i++)
        api_server_stop(&b->servers[i]);
}

static int start_servers(struct bridge *b, struct err *err)
{
    struct api_config *c = b->config;

    for (unsigned i = 0; i < c->loops; i++) {
        struct api_server_options o = {
            .index = i, .config = c, .shared = &b->shared, .log_fd = b->log_fd};
        int r = api_server_init(&b->servers[i], &o, &c->port, err);

        if (r < 0)
            return r;
        if (uv_thread_create(&b->threads[i], run_loop, &b->servers[i]) != 0)
            return err_set(err, EAGAIN, "a thread could not be started");
        b->n_servers++;
    }
    log_write(LOG_INFO, "listening",
              LOG_FIELDS(LOG_TEXT("address", c->bind), LOG_INT("port", c->port),
                         LOG_INT("loops", c->loops), LOG_TEXT("tls", b->tls ? "on" : "off"),
                         LOG_TEXT("authentication",
                                  config_text(c->raw, "ARENA_JWT_KEYS")[0] ? "on" : "off")));
    return 0;
}

/* New settings for those that may change while it runs; bad ones change nothing. */
static void reload(struct bridge *b)
{
    struct api_config *fresh = own_calloc(1, sizeof(*fresh));
    const char *kept = NULL;
    struct err err = {0};

    if (b->n_retired == MAIN_RELOADS_MAX || api_config_load(fresh, b->config_file, &err) < 0) {
        log_write(LOG_ERROR, "reload refused", LOG_FIELDS(LOG_TEXT("error", err.text)));
        free(fresh);
        return;
    }
    api_config_keep(fresh, b->config, &kept);
    if (kept)
        log_write(LOG_WARN, "a setting needs a restart", LOG_FIELDS(LOG_TEXT("name", kept)));
    if (api_auth_reload(b->auth, &err) < 0)
        log_write(LOG_ERROR, "keys not reloaded", LOG_FIELDS(LOG_TEXT("error", err.text)));
    api_limiter_set(b->limiter, (uint32_t)config_uint(fresh->raw, "API_RATE_LIMIT"),
                    (uint32_t)config_uint(fresh->raw, "ARENA_TOKEN_RATE_LIMIT"));
    log_level_set(fresh->log_level);
    b->retired = own_realloc(b->retired, (b->n_retired + 1) * sizeof(struct api_config *));
    b->retired[b->n_retired++] = b->config;
    b->config = fresh;
    set_quotas(b);
    for (unsigned i = 0; i < b->n_servers; i++)
        api_server_reload(&b->servers[i], fresh);
    log_plain(LOG_INFO, "settings reloaded");
}

static void wait_for_stop(struct bridge *b, const sigset_t *set)
{
    for (;;) {
        int sig = sigwaitinfo(set, NULL);

        if (sig == SIGHUP)
            reload(b);
        else if (sig > 0)
            return;
    }
}

static void bridge_done(struct bridge *b)
{
    stop_servers(b);
    for (unsigned i = 0; i < b->n_servers; i++) {
        (void)uv_thread_join(&b->threads[i]);
        api_server_done(&b->servers[i]);
    }
    api_peer_library_done();
    api_metrics_done(&b->metrics);
    api_auth_free(b->auth);
    api_cors_free(b->cors);
    api_limiter_free(b->limiter);
    api_quota_free(b->shared.connections);
    api_quota_free(b->shared.refusals);
    api_quota_free(b->shared.sessions);
    api_quota_free(b->shared.streams);
    api_tls_free(b->tls);
    for (unsigned i = 0; i < b->n_retired; i++) {
        api_config_done(b->retired[i]);
        free(b->retired[i]);
    }
    free(b->retired);
    api_config_done(b->config);
    free(b->config);
}

static int bridge_run(struct bridge *b)
{
    struct err err = {0};
    sigset_t set;
    int r;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    own_fd_room();
    api_json_init();
    r = make_shared(b, &err);
    if (r == 0)
        r = start_servers(b, &err);
    if (r == 0)
        wait_for_stop(b, &set);
    else
        log_write(LOG_ERROR, "cannot start", LOG_FIELDS(LOG_TEXT("error", err.text)));
    log_plain(LOG_INFO, "stopping");
    bridge_done(b);
    return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"help", no_argument, NULL, 'h'},
                                            {"version", no_argument, NULL, 'V'},
                                            {0}};
    static struct bridge b;
    struct err err = {0};
    int c;

    b.config_file = getenv("ARENA_CONFIG");
    while ((c = getopt_long(argc, argv, "c:hV", options, NULL)) != -1) {
        if (c == 'c') {
            b.config_file = optarg;
        } else if (c == 'h' || c == 'V') {
            c == 'h' ? usage(stdout) : (void)puts("arena-bridge " PACKAGE_VERSION);
            return EXIT_SUCCESS;
        } else {
            usage(stderr);
            return 2;
        }
    }
    if (optind < argc) {
        usage(stderr);
        return 2;
    }
    log_init("arena-bridge", LOG_INFO);
    b.config = own_calloc(1, sizeof(*b.config));
    if (api_config_load(b.config, b.config_file, &err) < 0) {
        log_write(LOG_ERROR, "bad settings", LOG_FIELDS(LOG_TEXT("error", err.text)));
        free(b.config);
        return 2;
    }
    log_level_set(b.config->log_level);
    return bridge_run(&b);
}
