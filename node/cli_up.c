/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works
 *
 *   for each node: DIR/node-N (its disk), ports that are free, its own environment
 *     down -> up (readyz) ... chaos: kill -9, SIGSTOP for a while, SIGTERM -> down -> up
 *   Ctrl-C: SIGTERM to all, SIGKILL to those that do not go, DIR removed if we made it
 *
 * Chaos hurts one node at a time and waits until it is ready again, so a mesh of three always
 * keeps a majority. A node that dies by itself is a failure, and is said and counted.
 */
#include "node/cli.h"

#include "base/clock.h"
#include "base/own.h"
#include "base/rng.h"
#include "node/loop.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/stat.h>

enum {
    UP_NODES_MAX = 32,
    UP_PATH_MAX = 4096,
    UP_ENV_MAX = 200,
    UP_TEXT_MAX = 2048,
    UP_STOP_MS_MAX = 1500, /* of a SIGSTOP */
    UP_GO_MS_MAX = 20000,  /* for all to end */
    UP_RESTART_MS = 300,
    UP_PORTS_FROM = 10000,
    UP_PORTS_LEAST = 1000,
};

struct up_node {
    struct up *up;
    const char *program;
    char name[16];
    uint16_t control, bulk, client, metrics;
    struct loop_child *child;
    struct loop_timer *timer;
    bool expected_down;
    bool stopped;
    unsigned n_env;
    char env_text[16][UP_TEXT_MAX];
    const char *env[UP_ENV_MAX];
};

struct up {
    const struct cli *cli;
    struct loop *loop;
    char arenad[UP_PATH_MAX];
    char bridge[UP_PATH_MAX];
    char dir[UP_PATH_MAX / 2];
    bool own_dir;
    unsigned n;
    bool chaos;
    uint32_t chaos_ms;
    uint64_t seconds; /* 0 = until Ctrl-C */
    struct rng rng;
    uint16_t http;       /* of the bridge, which is the last of `nodes`; 0 = none */
    unsigned n_children; /* nodes and the bridge */
    struct up_node nodes[UP_NODES_MAX + 1];
    struct loop_timer *chaos_timer;
    struct loop_timer *end_timer;
    bool ending;
    unsigned deaths; /* that nobody asked for */
    unsigned hurts;
};

static void up_start(struct up_node *node);

/* --- ports --------------------------------------------------------------------------------- */

static int bound(uint16_t port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    auto_fd int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0)
        return -1;
    return own_fd_steal(&fd);
}

static uint16_t port_of(int fd)
{
    struct sockaddr_in a = {0};
    socklen_t len = sizeof(a);

    return getsockname(fd, (struct sockaddr *)&a, &len) == 0 ? ntohs(a.sin_port) : 0;
}

/* A port below those that the kernel gives to whoever connects: one of these, or its connection
 * that was closed within a minute, could sit on the port of a node that is to come back. */
static int bound_somewhere(struct up *up)
{
    auto_buf struct buf range = {.max = LIMIT_KIB};
    uint64_t end = 0;

    if (buf_load(&range, "/proc/sys/net/ipv4/ip_local_port_range", NULL) == 0 &&
        buf_putc(&range, 0) == 0)
        end = strtoul((const char *)range.data, NULL, 10);
    if (end < UP_PORTS_FROM + UP_PORTS_LEAST || end > UINT16_MAX)
        end = UINT16_MAX;
    return bound((uint16_t)(UP_PORTS_FROM + rng_below(&up->rng, end - UP_PORTS_FROM)));
}

/* All of a node's ports at once, so that none is given twice: two in a row, and two more. */
static int up_ports(struct up_node *node)
{
    for (int tries = 0; tries < 100; tries++) {
        auto_fd int control = bound_somewhere(node->up);
        auto_fd int bulk = bound((uint16_t)(port_of(control) + 1));
        auto_fd int client = bound_somewhere(node->up);
        auto_fd int metrics = bound_somewhere(node->up);

        if (control < 0 || bulk < 0 || client < 0 || metrics < 0)
            continue;
        node->control = port_of(control);
        node->bulk = port_of(bulk);
        node->client = port_of(client);
        node->metrics = port_of(metrics);
        return 0;
    }
    return -EADDRINUSE;
}

/* --- environment --------------------------------------------------------------------------- */

static void up_put(struct up_node *node, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void up_put(struct up_node *node, const char *name, const char *fmt, ...)
{
    char *text = node->env_text[node->n_env];
    va_list args;
    size_t len = (size_t)snprintf(text, UP_TEXT_MAX, "%s=", name);

    va_start(args, fmt);
    (void)vsnprintf(text + len, UP_TEXT_MAX - len, fmt, args);
    va_end(args);
    node->env[node->n_env++] = text;
}

/* The rest of our own environment, but for what was put. */
static void up_env_rest(struct up_node *node)
{
    extern char **environ;
    const unsigned ours = node->n_env;
    unsigned n = ours;

    for (char **e = environ; *e && n < UP_ENV_MAX - 1; e++) {
        bool put = false;

        for (unsigned i = 0; i < ours && !put; i++)
            put = strncmp(*e, node->env[i], strcspn(node->env[i], "=") + 1) == 0;
        if (!put)
            node->env[n++] = *e;
    }
    node->env[n] = NULL;
}

static void up_list(const struct up *up, bool clients, char *out, size_t size)
{
    size_t len = 0;

    out[0] = 0;
    for (unsigned i = 0; i < up->n; i++)
        len += (size_t)snprintf(out + len, size - len, "%s%s127.0.0.1:%u", i ? "," : "",
                                clients ? "tcp://" : "",
                                clients ? up->nodes[i].client : up->nodes[i].control);
}

static void up_env(struct up_node *node)
{
    const struct up *up = node->up;
    char list[UP_TEXT_MAX / 2];

    up_list(up, false, list, sizeof(list));
    up_put(node, "ARENA_NAME", "%s", node->name);
    up_put(node, "ARENA_DATA_DIR", "%s/%s", up->dir, node->name);
    up_put(node, "ARENA_BIND", "127.0.0.1");
    up_put(node, "ARENA_PORT", "%u", node->control);
    up_put(node, "ARENA_CLIENT_PORT", "%u", node->client);
    up_put(node, "ARENA_METRICS_PORT", "%u", node->metrics);
    up_put(node, "ARENA_NODES_EXPECTED", "%u", up->n < 3 ? up->n : 3);
    if (up->chaos) /* a node that lives for seconds has no time to prove itself each time */
        up_put(node, "ARENA_SELFTEST", "false");
    up_put(node, "ARENA_SEEDS", "%s", up->n > 1 ? list : "");
    up_env_rest(node);
}

static void up_bridge_env(struct up_node *node)
{
    char list[UP_TEXT_MAX / 2];

    up_list(node->up, true, list, sizeof(list));
    up_put(node, "ARENA_PEERS", "%s", list);
    up_put(node, "ARENA_HTTP_BIND", "127.0.0.1");
    up_put(node, "ARENA_HTTP_PORT", "%u", node->up->http);
    up_env_rest(node);
}

/* --- nodes --------------------------------------------------------------------------------- */

static void up_say(const struct up_node *node, const char *what)
{
    (void)fprintf(stderr, "arena up: %s %s\n", node->name, what);
}

static void up_check_end(struct up *up)
{
    for (unsigned i = 0; i < up->n_children; i++) {
        if (up->nodes[i].child)
            return;
    }
    if (up->ending)
        loop_stop(up->loop);
}

static void up_exited(void *ctx, int64_t status, int sig)
{
    struct up_node *node = ctx;
    struct up *up = node->up;
    char what[64];

    loop_child_free(STEAL(node->child));
    node->stopped = false;
    if (!node->expected_down) {
        (void)snprintf(what, sizeof(what), "died (status %d, signal %d)", (int)status, sig);
        up_say(node, what);
        up->deaths++;
    }
    node->expected_down = false;
    if (!up->ending)
        loop_timer_set(node->timer, UP_RESTART_MS);
    up_check_end(up);
}

/* The timer of a node that is down starts it, of one that is stopped lets it go on. */
static void up_timer(void *ctx)
{
    struct up_node *node = ctx;

    if (!node->child && !node->up->ending) {
        up_start(node);
    } else if (node->stopped) {
        node->stopped = false;
        (void)loop_child_kill(node->child, SIGCONT);
        up_say(node, "goes on");
    }
}

static int up_log(const struct up_node *node)
{
    char path[UP_PATH_MAX];

    (void)snprintf(path, sizeof(path), "%s/%s.log", node->up->dir, node->name);
    return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static void up_start(struct up_node *node)
{
    struct up *up = node->up;
    const char *const argv[] = {node->program, NULL};
    auto_fd int log = up_log(node);
    struct loop_command c = {.argv = argv,
                             .env = node->env,
                             .fds = {-1, log, log},
                             .n_fds = 3,
                             .exited = up_exited,
                             .ctx = node};
    struct err err = {0};

    node->child = loop_child_new(up->loop, &c, &err);
    if (!node->child) {
        (void)cli_complain(err.text);
        loop_timer_set(node->timer, UP_RESTART_MS);
    }
}

/* --- chaos --------------------------------------------------------------------------------- */

static void up_hurt(struct up_node *node)
{
    node->up->hurts++;
    switch (rng_below(&node->up->rng, 4)) {
    case 0:
        node->stopped = true;
        (void)loop_child_kill(node->child, SIGSTOP);
        loop_timer_set(node->timer, 100 + rng_below(&node->up->rng, UP_STOP_MS_MAX));
        up_say(node, "stopped");
        return;
    case 1:
        node->expected_down = true;
        (void)loop_child_kill(node->child, SIGTERM);
        up_say(node, "told to go");
        return;
    default:
        node->expected_down = true;
        (void)loop_child_kill(node->child, SIGKILL);
        up_say(node, "killed");
    }
}

static void up_chaos(void *ctx)
{
    struct up *up = ctx;
    bool all_up = true;

    for (unsigned i = 0; i < up->n; i++)
        all_up &= up->nodes[i].child && !up->nodes[i].stopped && !up->nodes[i].expected_down;
    if (all_up)
        up_hurt(&up->nodes[rng_below(&up->rng, up->n)]);
    loop_timer_set(up->chaos_timer, up->chaos_ms);
}

/* --- the end ------------------------------------------------------------------------------- */

static void up_too_late(void *ctx)
{
    struct up *up = ctx;

    if (!up->ending)
        return;
    for (unsigned i = 0; i < up->n_children; i++) {
        if (up->nodes[i].child)
            (void)loop_child_kill(up->nodes[i].child, SIGKILL);
    }
}

static void up_end(void *ctx)
{
    struct up *up = ctx;

    if (up->ending) { /* a second Ctrl-C */
        up_too_late(up);
        return;
    }
    up->ending = true;
    loop_timer_stop(up->chaos_timer);
    for (unsigned i = 0; i < up->n_children; i++) {
        struct up_node *node = &up->nodes[i];

        if (!node->child)
            continue;
        node->expected_down = true;
        (void)loop_child_kill(node->child, SIGCONT);
        (void)loop_child_kill(node->child, SIGTERM);
    }
    loop_timer_free(up->end_timer);
    up->end_timer = loop_timer_new(up->loop, up_too_late, up);
    loop_timer_set(up->end_timer, UP_GO_MS_MAX);
    up_check_end(up);
}

/* Only what arenad itself makes is in there: two levels, no links followed. */
static void remove_flat(int parent, const char *name)
{
    auto_fd int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(dup(fd));
    struct dirent *e;

    while (dir && (e = readdir(dir))) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        if (unlinkat(fd, e->d_name, 0) != 0 && errno == EISDIR)
            remove_flat(fd, e->d_name);
    }
    if (dir)
        (void)closedir(dir);
    (void)unlinkat(parent, name, AT_REMOVEDIR);
}

/* --- start --------------------------------------------------------------------------------- */

static int up_number(const char *text, uint64_t max, uint64_t *ret)
{
    char *end;

    *ret = strtoull(text, &end, 10);
    return *end || end == text || *ret > max ? -EINVAL : 0;
}

static int up_option(struct up *up, const char *name, const char *value)
{
    uint64_t v;

    if (strcmp(name, "--dir") == 0)
        return (void)snprintf(up->dir, sizeof(up->dir), "%s", value), 0;
    if (up_number(value, 1u << 30, &v) != 0)
        return -EINVAL;
    if (strcmp(name, "--nodes") == 0 && v >= 1 && v <= UP_NODES_MAX)
        return up->n = (unsigned)v, 0;
    if (strcmp(name, "--http") == 0 && v >= 1 && v <= 65535)
        return up->http = (uint16_t)v, 0;
    if (strcmp(name, "--every") == 0 && v >= 100)
        return up->chaos_ms = (uint32_t)v, 0;
    if (strcmp(name, "--seconds") == 0)
        return up->seconds = v, 0;
    if (strcmp(name, "--seed") == 0)
        return rng_init(&up->rng, v), 0;
    return -EINVAL;
}

static int up_parse(struct up *up, int argc, char **argv)
{
    rng_init(&up->rng, clock_mono_ns());
    up->n = 3;
    up->chaos_ms = 2000;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--chaos") == 0)
            up->chaos = true;
        else if (i + 1 >= argc || up_option(up, argv[i], argv[i + 1]) != 0)
            return cli_complain(
                "usage: arena up [--nodes N] [--http PORT] [--chaos] [--every MS] [--seed N] "
                "[--seconds N] [--dir DIR]");
        else
            i++;
    }
    return 0;
}

static int up_dir(struct up *up)
{
    if (up->dir[0])
        return mkdir(up->dir, 0700) == 0 || errno == EEXIST ? 0 : -errno;
    (void)snprintf(up->dir, sizeof(up->dir), "/tmp/arena-up-XXXXXX");
    up->own_dir = true;
    return mkdtemp(up->dir) ? 0 : -errno;
}

static void up_print(const struct up *up)
{
    char list[UP_TEXT_MAX];

    up_list(up, true, list, sizeof(list));
    (void)printf("ARENA_PEERS=%s\n", list);
    for (unsigned i = 0; i < up->n; i++)
        (void)printf("%s peers %u clients %u metrics http://127.0.0.1:%u/metrics log %s/%s.log\n",
                     up->nodes[i].name, up->nodes[i].control, up->nodes[i].client,
                     up->nodes[i].metrics, up->dir, up->nodes[i].name);
    if (up->http)
        (void)printf("bridge http://127.0.0.1:%u\n", up->http);
    (void)fflush(stdout);
}

static int up_prepare_bridge(struct up *up)
{
    struct up_node *bridge = &up->nodes[up->n];

    if (cli_beside("arena-bridge", up->bridge, sizeof(up->bridge)) != 0)
        return cli_complain("arena-bridge is not beside this program");
    bridge->up = up;
    bridge->program = up->bridge;
    (void)snprintf(bridge->name, sizeof(bridge->name), "bridge");
    up->n_children++;
    up_bridge_env(bridge);
    return 0;
}

static int up_prepare(struct up *up)
{
    if (cli_beside("arenad", up->arenad, sizeof(up->arenad)) != 0)
        return cli_complain("arenad is not beside this program");
    if (up_dir(up) != 0)
        return cli_complain("cannot make the directory");
    for (unsigned i = 0; i < up->n; i++) {
        up->nodes[i].up = up;
        up->nodes[i].program = up->arenad;
        (void)snprintf(up->nodes[i].name, sizeof(up->nodes[i].name), "node-%u", i);
        if (up_ports(&up->nodes[i]) != 0)
            return cli_complain("no free ports");
    }
    for (unsigned i = 0; i < up->n; i++)
        up_env(&up->nodes[i]);
    up->n_children = up->n;
    return up->http ? up_prepare_bridge(up) : 0;
}

static int up_run(struct up *up)
{
    up->loop = loop_new();
    up->chaos_timer = loop_timer_new(up->loop, up_chaos, up);
    up->end_timer = loop_timer_new(up->loop, up_end, up);
    loop_signal(up->loop, SIGINT, up_end, up);
    loop_signal(up->loop, SIGTERM, up_end, up);
    for (unsigned i = 0; i < up->n_children; i++) {
        up->nodes[i].timer = loop_timer_new(up->loop, up_timer, &up->nodes[i]);
        up_start(&up->nodes[i]);
    }
    up_print(up);
    if (up->chaos)
        loop_timer_set(up->chaos_timer, 2 * up->chaos_ms);
    if (up->seconds)
        loop_timer_set(up->end_timer, up->seconds * 1000);
    loop_run(up->loop);
    loop_free(up->loop);
    if (up->chaos)
        (void)fprintf(stderr, "arena up: %u times hurt, %u died by themselves\n", up->hurts,
                      up->deaths);
    if (up->own_dir && up->deaths == 0)
        remove_flat(AT_FDCWD, up->dir);
    return up->deaths ? 1 : 0;
}

int cli_up(const struct cli *cli, int argc, char **argv)
{
    auto_free struct up *up = own_calloc(1, sizeof(*up));
    int status;

    up->cli = cli;
    status = up_parse(up, argc, argv);
    if (status == 0)
        status = up_prepare(up);
    return status == 0 ? up_run(up) : status;
}
