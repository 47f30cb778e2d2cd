/* SPDX-License-Identifier: MPL-2.0 */
/* Commands that need no mesh: they make a key, or become another program of ours. */
#include "node/cli.h"

#include "base/own.h"
#include "node/link.h"

#include <errno.h>

enum { CLI_PATH_MAX = 4096, CLI_ARGS_MAX = 64 };

int cli_keygen(const struct cli *cli, int argc, char **argv)
{
    struct err err = {0};

    (void)cli;
    if (argc != 2)
        return cli_complain("usage: arena keygen FILE");
    return link_keygen(argv[1], &err) == 0 ? 0 : cli_complain(err.text);
}

/* Replaces this process: no thread of it is needed any more. */
static int become(const char *program, const char *first, int argc, char **argv)
{
    char path[CLI_PATH_MAX];
    char *all[CLI_ARGS_MAX + 3];
    int n = 0;

    if (cli_beside(program, path, sizeof(path)) != 0)
        return cli_complain("its program is not beside this one");
    all[n++] = path;
    all[n++] = (char *)(uintptr_t)first;
    for (int i = 1; i < argc && n < CLI_ARGS_MAX + 2; i++)
        all[n++] = argv[i];
    all[n] = NULL;
    (void)execv(path, all);
    return cli_complain(strerror(errno));
}

int cli_check(const struct cli *cli, int argc, char **argv)
{
    (void)cli;
    return become("arenad", "--check", argc, argv);
}

int cli_selftest(const struct cli *cli, int argc, char **argv)
{
    (void)cli;
    return become("arena-sandbox", "selftest", argc, argv);
}
