/* SPDX-License-Identifier: MPL-2.0 */
#include "config.h"

#include "base/log.h"
#include "base/own.h"
#include "node/node.h"
#include "node/settings.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>

static void help(void)
{
    struct config *c = settings_defaults();

    (void)printf("arenad %s: a node of a CodeArena mesh\n\n"
                 "usage: arenad [--config FILE] [--check]\n\n"
                 "  --config FILE  settings in zconfig format, `NAME = VALUE` lines\n"
                 "  --check        read the settings and stop\n"
                 "  --help, --version\n\n"
                 "Settings are taken from the environment, then from the file (--config, or\n"
                 "ARENA_CONFIG), then from these defaults. SIGTERM drains, SIGHUP reloads.\n\n",
                 PACKAGE_VERSION);
    config_help(c, stdout);
    config_free(c);
}

static int complain(const char *text)
{
    (void)fprintf(stderr, "arenad: %s\n", text);
    return 2;
}

/* Jobs are made in one thread and stay: the arena that glibc gives each thread grows by a page and
 * a system call at a time, the common one by as much as it is told to. */
static void one_heap(void)
{
    (void)mallopt(M_ARENA_MAX, 1);
    (void)mallopt(M_TOP_PAD, LIMIT_MIB);
    (void)mallopt(M_TRIM_THRESHOLD, 8 * LIMIT_MIB);
}

static int serve(struct config *c, const char *file)
{
    struct err err = {0};
    struct node *n;
    int status;

    one_heap();
    log_init("arenad", LOG_INFO);
    (void)signal(SIGPIPE, SIG_IGN);
    own_fd_room();
    n = node_new(c, file, &err);
    if (!n)
        return complain(err.text);
    status = node_run(n);
    node_free(n);
    return status;
}

int main(int argc, char **argv)
{
    const char *file = NULL;
    bool check = false;
    struct err err = {0};
    struct actor_config actor;
    struct config *c;
    int status = 0;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0)
            return help(), 0;
        if (strcmp(argv[i], "--version") == 0)
            return puts("arenad " PACKAGE_VERSION), 0;
        if (strcmp(argv[i], "--check") == 0)
            check = true;
        else if (strcmp(argv[i], "--config") == 0 && i + 1 < argc)
            file = argv[++i];
        else
            return complain("unknown argument; see arenad --help");
    }
    c = settings_load(file, &err);
    if (!c)
        return complain(err.text);
    if (check && settings_actor(c, &actor, &err) != 0)
        status = complain(err.text);
    else if (!check)
        status = serve(c, file);
    config_free(c);
    return status;
}
