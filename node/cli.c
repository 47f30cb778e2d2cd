/* SPDX-License-Identifier: MPL-2.0 */
#include "config.h"

#include "node/cli.h"

#include "base/own.h"
#include "node/link.h"

#include <errno.h>

struct cli_command {
    const char *name;
    const char *usage;
    const char *help;
    int (*main)(const struct cli *cli, int argc, char **argv);
};

static const struct cli_command commands[] = {
#define X(name, usage, help) {#name, usage, help, cli_##name},
    CLI_COMMANDS(X)
#undef X
};

int cli_complain(const char *text)
{
    (void)fprintf(stderr, "arena: %s\n", text);
    return 2;
}

struct client *cli_connect(const struct cli *cli)
{
    struct err err = {0};
    const char *at = cli->peers;

    while (*at) {
        const size_t len = strcspn(at, ", ");
        char endpoint[LIMIT_ENDPOINT + 1];
        struct client *c;

        if (len > 0 && len < sizeof(endpoint)) {
            memcpy(endpoint, at, len);
            endpoint[len] = 0;
            c = client_open(endpoint, CLI_TIMEOUT_MS / 3, &err);
            if (c)
                return c;
        }
        at += len + (at[len] != 0);
    }
    (void)cli_complain(err.text[0] ? err.text : "no peer is configured");
    return NULL;
}

int cli_beside(const char *name, char *out, size_t size)
{
    ssize_t len = readlink("/proc/self/exe", out, size - 1);
    char *slash;

    if (len < 0)
        return -errno;
    out[len] = 0;
    slash = strrchr(out, '/');
    if (!slash || (size_t)(slash + 2 - out) + strlen(name) > size)
        return -ENAMETOOLONG;
    (void)snprintf(slash + 1, size - (size_t)(slash + 1 - out), "%s", name);
    return access(out, X_OK) == 0 ? 0 : -errno;
}

static int help(void)
{
    (void)printf("arena %s: the command line of a CodeArena mesh\n\n"
                 "usage: arena [--peers ENDPOINT,...] [--key FILE] COMMAND ...\n\n",
                 PACKAGE_VERSION);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        (void)printf("  %-10s %-32s %s\n", commands[i].name, commands[i].usage, commands[i].help);
    (void)printf(
        "\nrun, session and submit take: --language NAME, --file FILE, --time MS, --wall MS,\n"
        "  --memory BYTES, --output BYTES, --tenant NAME, --tag TAG;\n"
        "run and submit also: --input FILE, --test INPUT[:EXPECTED], --checker TYPE,\n"
        "  --priority 0..3, --delay MS, --stop\n"
        "\nARENA_PEERS (default tcp://127.0.0.1:7948), ARENA_KEY_FILE and\n"
        "ARENA_PROFILE_DIR are read from the environment.\n");
    return 0;
}

static const char *setting(const char *name, const char *fallback)
{
    const char *v = getenv(name);

    return v && v[0] ? v : fallback;
}

static int dispatch(struct cli *cli, int argc, char **argv)
{
    struct err err = {0};
    int status;

    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (strcmp(argv[0], commands[i].name) != 0)
            continue;
        if (link_init(cli->key_file, &err) != 0)
            return cli_complain(err.text);
        status = commands[i].main(cli, argc, argv);
        link_done();
        return status;
    }
    return cli_complain("no such command; see arena --help");
}

int main(int argc, char **argv)
{
    struct cli cli = {.peers = setting("ARENA_PEERS", "tcp://127.0.0.1:7948"),
                      .key_file = setting("ARENA_KEY_FILE", NULL),
                      .profile_dir = setting("ARENA_PROFILE_DIR", PROFILE_DIR)};
    int i = 1;

    for (; i < argc && argv[i][0] == '-'; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return help();
        if (strcmp(argv[i], "--version") == 0)
            return puts("arena " PACKAGE_VERSION), 0;
        if (strcmp(argv[i], "--peers") == 0 && i + 1 < argc)
            cli.peers = argv[++i];
        else if (strcmp(argv[i], "--key") == 0 && i + 1 < argc)
            cli.key_file = argv[++i];
        else
            return cli_complain("unknown option; see arena --help");
    }
    if (i == argc)
        return help(), 2;
    return dispatch(&cli, argc - i, argv + i);
}
