/* SPDX-License-Identifier: MPL-2.0 */
#include "node/settings.h"

#include "base/log.h"
#include "base/own.h"
#include "node/seeds.h"
#include "sandbox/level.h"

#include <errno.h>

static const struct config_key settings_keys[] = {
    {"ARENA_CLUSTER", CONFIG_TEXT, "codearena", 1, LIMIT_NAME,
     "name of the mesh; peers of another are not spoken to", false, false},
    {"ARENA_NAME", CONFIG_TEXT, "", 0, LIMIT_NAME,
     "this node's name, which no other has; empty: the host's name", false, false},
    {"ARENA_ZONE", CONFIG_TEXT, "", 0, LIMIT_NAME,
     "failure domain; copies of a job go to different ones", false, false},
    {"ARENA_DATA_DIR", CONFIG_TEXT, "/var/lib/arena", 1, 2048,
     "directory of the store; one node each, on a local disk", false, false},
    {"ARENA_STORE_MAX", CONFIG_SIZE, "4g", 16 * LIMIT_MIB, 1ull << 44,
     "bytes the store may fill; submits are refused from 80 % on", false, false},
    {"ARENA_BIND", CONFIG_TEXT, "0.0.0.0", 1, 100, "address to listen on for peers and clients",
     false, false},
    {"ARENA_PORT", CONFIG_UINT, "7946", 1, 65534,
     "peers' control port; their bulk port is the next one", false, false},
    {"ARENA_CLIENT_PORT", CONFIG_UINT, "7948", 1, 65535, "port for bridges and `arena`", false,
     false},
    {"ARENA_ADVERTISE", CONFIG_TEXT, "", 0, 100,
     "host others reach this node under; empty: ARENA_BIND, or the host's name", false, false},
    {"ARENA_SEEDS", CONFIG_TEXT, "", 0, 4000,
     "comma list of host:port or dns:NAME:PORT; empty: alone", false, false},
    {"ARENA_KEY_FILE", CONFIG_TEXT, "", 0, 2048,
     "the cluster's secret (`arena keygen FILE`); empty: links are in the clear", false, false},
    {"ARENA_METRICS_PORT", CONFIG_UINT, "9464", 0, 65535,
     "port of /metrics, /livez, /readyz, /startupz; 0: any free one", false, false},
    {"METRICS_ENABLED", CONFIG_BOOL, "true", 0, 0, "serve /metrics (the probes always are)", true,
     false},
    {"ARENA_REPLICAS", CONFIG_UINT, "3", 1, LIMIT_REPLICAS, "copies of each job", false, false},
    {"ARENA_NODES_EXPECTED", CONFIG_UINT, "1", 1, LIMIT_NODES,
     "nodes to wait for before a job is accepted; 1: alone is enough", false, false},
    {"WORKER_CONCURRENCY", CONFIG_UINT, "5", 1, 256, "programs run at a time", false, false},
    {"QUEUE_MAX_DEPTH", CONFIG_UINT, "1000", 1, 1000000,
     "waiting jobs this node owns before it refuses more", false, false},
    {"TIME_LIMIT", CONFIG_MILLIS, "10", 1, 3600000, "CPU time of a run, when a job names none",
     false, false},
    {"MEMORY_LIMIT", CONFIG_SIZE, "128m", LIMIT_MIB, 1ull << 40,
     "memory of a run, when a job names none", false, false},
    {"OUTPUT_LIMIT", CONFIG_SIZE, "64k", 1, 16 * LIMIT_MIB,
     "bytes of each output stream, when a job names none", false, false},
    {"COMPILE_TIME_LIMIT", CONFIG_MILLIS, "30", 1, 3600000,
     "CPU time of a compiler, when a job names none", false, false},
    {"ARENA_RETAIN_COMPLETED", CONFIG_MILLIS, "1h", 0, 1ull << 40,
     "how long a completed job is kept; one whose callback is owed, an hour at least", false,
     false},
    {"ARENA_RETAIN_FAILED", CONFIG_MILLIS, "24h", 0, 1ull << 40,
     "how long a failed or cancelled job is kept", false, false},
    {"ARENA_RETAIN_COUNT", CONFIG_UINT, "10000", 1, 10000000, "finished jobs kept, at most", false,
     false},
    {"ARENA_TAKEOVERS_MAX", CONFIG_UINT, "2", 0, 25,
     "deaths of its node a running job may outlive before it fails", false, false},
    {"ARENA_SCRUB", CONFIG_MILLIS, "24h", 60000, 4000000000,
     "all that is on the disk is read, and mended, once in so long", false, false},
    {"ARENA_SESSIONS_MAX", CONFIG_UINT, "0", 0, 256,
     "sessions at a time; 0: all slots but two, or one", false, false},
    {"ARENA_SESSIONS_TENANT_MAX", CONFIG_UINT, "0", 0, 256,
     "sessions of one tenant at a time; 0: half of all, rounded up", false, false},
    {"ARENA_SESSION_TIME", CONFIG_MILLIS, "10m", 100, 86400000, "how long a session's program runs",
     false, false},
    {"ARENA_SESSION_CPU", CONFIG_MILLIS, "60s", 10, 86400000, "CPU time of a session's program",
     false, false},
    {"ARENA_SESSION_OUTPUT", CONFIG_SIZE, "4m", 1, 1ull << 40,
     "bytes a session's program may write", false, false},
    {"ARENA_SESSION_IDLE", CONFIG_MILLIS, "2m", 100, 86400000,
     "how long nothing may be read or written in a session", false, false},
    {"ARENA_DRAIN_TIME", CONFIG_MILLIS, "150s", 0, 86400000,
     "how long running jobs may finish after SIGTERM", false, false},
    {"ARENA_SANDBOX", CONFIG_TEXT, "", 0, 2048, "path of arena-sandbox; empty: beside this program",
     false, false},
    {"ARENA_PROFILE_DIR", CONFIG_TEXT, PROFILE_DIR, 1, 2048, "directory of the languages", false,
     false},
    {"ARENA_SELFTEST", CONFIG_BOOL, "true", 0, 0,
     "run hostile programs at the start; no work until the sandbox held them", false, false},
    {"ARENA_ISOLATION_MIN", CONFIG_TEXT, "ns", 1, 16,
     "refuse to run below: full, ns, ns-noproc, lsm", false, false},
    {"LOG_LEVEL", CONFIG_TEXT, "info", 1, 8, "debug, info, warn or error", true, false},
};

struct config *settings_defaults(void)
{
    return config_new(settings_keys, ARRAY_LEN(settings_keys));
}

struct config *settings_load(const char *file, struct err *err)
{
    struct config *c = settings_defaults();
    int rc = 0;

    if (!file)
        file = getenv("ARENA_CONFIG");
    if (file && file[0])
        rc = config_load(c, file, err);
    if (rc == 0)
        rc = config_set_environment(c, NULL, err);
    if (rc == 0)
        return c;
    config_free(c);
    return NULL;
}

/* The host others are told: what was asked for, or the address we listen on, or our name. */
static int settings_host(const struct config *c, char *out, size_t size, struct err *err)
{
    const char *host = config_text(c, "ARENA_ADVERTISE");

    if (!host[0]) {
        host = config_text(c, "ARENA_BIND");
        if (strcmp(host, "0.0.0.0") == 0 || strcmp(host, "*") == 0 || strcmp(host, "::") == 0 ||
            strcmp(host, "[::]") == 0)
            host = "";
    }
    if (host[0]) {
        (void)snprintf(out, size, "%s", host);
        return 0;
    }
    if (gethostname(out, size) != 0 || !memchr(out, 0, size))
        return err_errno(err, "ARENA_ADVERTISE: the host has no usable name");
    return 0;
}

static void settings_times(const struct config *c, struct mesh_config *m)
{
    m->retain_completed_s = (uint32_t)(config_uint(c, "ARENA_RETAIN_COMPLETED") / 1000);
    m->retain_failed_s = (uint32_t)(config_uint(c, "ARENA_RETAIN_FAILED") / 1000);
    m->retain_count = (uint32_t)config_uint(c, "ARENA_RETAIN_COUNT");
    m->takeovers_max = (uint32_t)config_uint(c, "ARENA_TAKEOVERS_MAX");
    m->scrub_ms = (uint32_t)config_uint(c, "ARENA_SCRUB");
}

/* What a table cannot check. */
static int settings_words(const struct config *c, struct err *err)
{
    const char *level = config_text(c, "ARENA_ISOLATION_MIN");
    enum level least;
    enum log_level log;

    if (level_parse(level, &least) != 0 || least == LEVEL_NONE)
        return err_set(err, EINVAL, "ARENA_ISOLATION_MIN: '%s' is none of full, ns, ns-noproc, lsm",
                       level);
    if (log_level_parse(config_text(c, "LOG_LEVEL"), &log) != 0)
        return err_set(err, EINVAL, "LOG_LEVEL: '%s' is none of debug, info, warn, error",
                       config_text(c, "LOG_LEVEL"));
    return seeds_check(config_text(c, "ARENA_SEEDS"), err);
}

int settings_actor(const struct config *c, struct actor_config *ret_config, struct err *err)
{
    const char *bind = config_text(c, "ARENA_BIND");
    const unsigned port = (unsigned)config_uint(c, "ARENA_PORT");
    const unsigned client_port = (unsigned)config_uint(c, "ARENA_CLIENT_PORT");
    struct mesh_config *m = &ret_config->mesh;
    char host[LIMIT_NAME + 1];
    int rc = settings_host(c, host, sizeof(host), err);

    if (rc == 0)
        rc = settings_words(c, err);
    if (rc != 0)
        return rc;
    if (client_port == port || client_port == port + 1)
        return err_set(err, EINVAL, "ARENA_CLIENT_PORT: %u is one of the peers' ports",
                       client_port);
    memset(ret_config, 0, sizeof(*ret_config));
    (void)snprintf(ret_config->control, sizeof(ret_config->control), "tcp://%s:%u", bind, port);
    (void)snprintf(ret_config->bulk, sizeof(ret_config->bulk), "tcp://%s:%u", bind, port + 1);
    (void)snprintf(ret_config->client, sizeof(ret_config->client), "tcp://%s:%u", bind,
                   client_port);
    (void)snprintf(m->endpoint, sizeof(m->endpoint), "tcp://%s:%u", host, port);
    (void)snprintf(m->client_endpoint, sizeof(m->client_endpoint), "tcp://%s:%u", host,
                   client_port);
    (void)snprintf(m->cluster, sizeof(m->cluster), "%s", config_text(c, "ARENA_CLUSTER"));
    (void)snprintf(m->zone, sizeof(m->zone), "%s", config_text(c, "ARENA_ZONE"));
    (void)snprintf(m->name, sizeof(m->name), "%s", config_text(c, "ARENA_NAME"));
    if (!m->name[0] && gethostname(m->name, sizeof(m->name) - 1) != 0)
        return err_errno(err, "ARENA_NAME: the host has no usable name");
    m->replicas = (uint32_t)config_uint(c, "ARENA_REPLICAS");
    m->queue_max = (uint32_t)config_uint(c, "QUEUE_MAX_DEPTH");
    m->nodes_expected = (uint32_t)config_uint(c, "ARENA_NODES_EXPECTED");
    m->store_max = config_uint(c, "ARENA_STORE_MAX");
    settings_times(c, m);
    return 0;
}

struct program_policy settings_policy(const struct config *c)
{
    return (struct program_policy){
        .cpu_ms = config_uint(c, "TIME_LIMIT"),
        .memory = config_uint(c, "MEMORY_LIMIT"),
        .output = config_uint(c, "OUTPUT_LIMIT"),
        .compile_ms = config_uint(c, "COMPILE_TIME_LIMIT"),
    };
}

static struct live_limits settings_live(const struct config *c)
{
    return (struct live_limits){
        .wall_ms = config_uint(c, "ARENA_SESSION_TIME"),
        .cpu_ms = config_uint(c, "ARENA_SESSION_CPU"),
        .output = config_uint(c, "ARENA_SESSION_OUTPUT"),
        .idle_ms = config_uint(c, "ARENA_SESSION_IDLE"),
    };
}

void settings_lives(const struct config *c, struct lives_config *ret_config)
{
    const uint32_t slots = (uint32_t)config_uint(c, "WORKER_CONCURRENCY");
    const uint32_t max = (uint32_t)config_uint(c, "ARENA_SESSIONS_MAX");
    const uint32_t tenant = (uint32_t)config_uint(c, "ARENA_SESSIONS_TENANT_MAX");

    /* Two are left: a job with an interactor needs as many. */
    ret_config->max = max ? max : slots > 2 ? slots - 2 : 1;
    ret_config->tenant_max = tenant ? tenant : (ret_config->max + 1) / 2;
    ret_config->env.policy = settings_policy(c);
    ret_config->env.limits = settings_live(c);
}

int settings_sandbox(const struct config *c, char *ret_path, size_t size, struct err *err)
{
    static const char name[] = "/arena-sandbox";
    const char *path = config_text(c, "ARENA_SANDBOX");
    ssize_t len = 0;
    char *slash;

    (void)snprintf(ret_path, size, "%s", path);
    if (!path[0]) {
        len = readlink("/proc/self/exe", ret_path, size - sizeof(name));
        ret_path[len > 0 ? len : 0] = 0;
        slash = strrchr(ret_path, '/');
        if (!slash)
            return err_set(err, ENOENT, "ARENA_SANDBOX: cannot find arena-sandbox");
        (void)snprintf(slash, sizeof(name), "%s", name);
    }
    if (access(ret_path, X_OK) != 0)
        return err_errno(err, "ARENA_SANDBOX: %s", ret_path);
    return 0;
}
