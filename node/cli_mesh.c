/* SPDX-License-Identifier: MPL-2.0 */
#include "node/cli.h"

#include "base/clock.h"
#include "base/own.h"

#include <errno.h>
#include <poll.h>

/* One request, one answer, one way to show it. */
static int ask(const struct cli *cli, struct message *m, void (*show)(const struct message *answer))
{
    const struct message *answer;
    struct err err = {0};
    struct client *c = cli_connect(cli);
    int status = 0;

    if (!c)
        return 2;
    if (client_call(c, m, CLI_TIMEOUT_MS, &answer, &err) != 0)
        status = cli_complain(err.text);
    else if (show)
        show(answer);
    client_close(c);
    return status;
}

static void show_nodes(const struct message *m)
{
    char nid[ID_TEXT_SIZE];

    if (m->type != MESSAGE_NODES_REPLY)
        return;
    (void)printf("%-36s  %-16s %-9s %-9s %5s %5s %6s  %s\n", "node", "name", "state", "isolation",
                 "slots", "busy", "queued", "clients");
    for (uint32_t i = 0; i < m->nodes.n; i++) {
        const struct message_node *n = &m->nodes.nodes[i];
        uint32_t queued = 0;

        for (int p = 0; p < LIMIT_PRIORITIES; p++)
            queued += n->queued[p];
        (void)printf("%-36s  %-16s %-9s %-9s %5u %5u %6u  %s\n", id_format(&n->nid, nid), n->name,
                     n->state, n->isolation, n->slots, n->busy, queued, n->endpoint);
    }
}

int cli_nodes(const struct cli *cli, int argc, char **argv)
{
    struct message m = {.type = MESSAGE_NODES};

    (void)argv;
    return argc == 1 ? ask(cli, &m, show_nodes) : cli_complain("usage: arena nodes");
}

static void show_languages(const struct message *m)
{
    if (m->type != MESSAGE_LANGUAGES_REPLY)
        return;
    for (uint32_t i = 0; i < m->languages.n; i++)
        (void)printf("%-12s %s\n", m->languages.all[i].name, m->languages.all[i].version);
}

int cli_languages(const struct cli *cli, int argc, char **argv)
{
    struct message m = {.type = MESSAGE_LANGUAGES};

    (void)argv;
    return argc == 1 ? ask(cli, &m, show_languages) : cli_complain("usage: arena languages");
}

/* --- top ----------------------------------------------------------------------------------- */

static void show_line(const struct message_stats *s, const char *name)
{
    uint64_t waiting = 0;

    for (int p = 0; p < LIMIT_PRIORITIES; p++)
        waiting += s->waiting[p];
    (void)printf(
        "%-16s %5u/%-5u %8llu %8llu %9llu %8u %8.1f %8.1f %8.1f\n", name, s->slots_busy, s->slots,
        (unsigned long long)waiting, (unsigned long long)s->jobs[MESSAGE_STATE_ACTIVE],
        (unsigned long long)(s->completed + s->failed + s->cancelled), s->per_minute,
        (double)s->wait_us[0] / 1e3, (double)s->wait_us[2] / 1e3, (double)s->total_us[2] / 1e3);
}

static void show_top(const struct message *m)
{
    const struct message_stats *sum;

    if (m->type != MESSAGE_STATS_REPLY || m->stats.n == 0)
        return;
    sum = &m->stats.nodes[0];
    (void)printf("%u nodes (%u missing)   retried %llu  takeovers %llu  steals %llu  "
                 "under-replicated %llu\n\n",
                 sum->nodes_known, sum->nodes_missing, (unsigned long long)sum->retried,
                 (unsigned long long)sum->takeovers, (unsigned long long)sum->steals_granted,
                 (unsigned long long)sum->under_replicated);
    (void)printf("%-16s %11s %8s %8s %9s %8s %8s %8s %8s\n", "node", "slots", "waiting", "active",
                 "decided", "/minute", "wait p50", "p99 ms", "total p99");
    show_line(sum, "all");
    for (uint32_t i = 1; i < m->stats.n; i++)
        show_line(&m->stats.nodes[i], m->stats.nodes[i].name);
}

int cli_top(const struct cli *cli, int argc, char **argv)
{
    struct message m = {.type = MESSAGE_STATS};
    const struct message *answer;
    struct err err = {0};
    struct client *c;

    if (argc == 2 && strcmp(argv[1], "--once") == 0)
        return ask(cli, &m, show_top);
    if (argc != 1)
        return cli_complain("usage: arena top [--once]");
    c = cli_connect(cli);
    if (!c)
        return 2;
    while (client_call(c, &m, CLI_TIMEOUT_MS, &answer, &err) == 0) {
        (void)printf("\033[H\033[2J");
        show_top(answer);
        (void)fflush(stdout);
        (void)poll(NULL, 0, 1000);
    }
    client_close(c);
    return cli_complain(err.text);
}

/* --- administration ------------------------------------------------------------------------ */

static int resolve_node(const struct cli *cli, const char *text, struct id *ret_nid)
{
    struct message m = {.type = MESSAGE_NODES};
    const struct message *answer;
    struct err err = {0};
    struct client *c;
    int found = 0;

    if (id_parse(text, ret_nid) == 0)
        return 0;
    c = cli_connect(cli);
    if (!c)
        return -ENOENT;
    if (client_call(c, &m, CLI_TIMEOUT_MS, &answer, &err) == 0 &&
        answer->type == MESSAGE_NODES_REPLY) {
        for (uint32_t i = 0; i < answer->nodes.n; i++) {
            if (strcmp(answer->nodes.nodes[i].name, text) != 0)
                continue;
            *ret_nid = answer->nodes.nodes[i].nid;
            found++;
        }
    }
    client_close(c);
    return found == 1 ? 0 : -ENOENT;
}

/* Until the node asked has gone; its end is the end of the connection. */
static int await_end(struct client *c, uint32_t seconds)
{
    const uint64_t end = clock_mono_ns() + seconds * 1000000000ull;
    const struct message *ignored;
    struct err err = {0};
    uint64_t now;
    int rc = 0;

    while (rc != -EPIPE && (now = clock_mono_ns()) < end)
        rc = client_receive(c, (uint32_t)((end - now) / 1000000u) + 1, &ignored, &err);
    return rc == -EPIPE ? 0 : cli_complain("the node did not go in time");
}

static int drain_and_wait(const struct cli *cli, uint32_t seconds)
{
    struct message m = {.type = MESSAGE_DRAIN};
    const struct message *answer;
    struct err err = {0};
    struct client *c = cli_connect(cli);
    int status;

    if (!c)
        return 2;
    if (client_call(c, &m, CLI_TIMEOUT_MS, &answer, &err) != 0)
        status = cli_complain(err.text);
    else
        status = await_end(c, seconds);
    client_close(c);
    return status;
}

int cli_drain(const struct cli *cli, int argc, char **argv)
{
    struct message m = {.type = MESSAGE_DRAIN};
    char *end;

    if (argc == 3 && strcmp(argv[1], "--wait") == 0) {
        const unsigned long seconds = strtoul(argv[2], &end, 10);

        if (*end || end == argv[2] || seconds > 86400)
            return cli_complain("--wait takes seconds");
        return drain_and_wait(cli, (uint32_t)seconds);
    }
    if (argc > 2)
        return cli_complain("usage: arena drain [NODE | --wait SECONDS]");
    if (argc == 2 && resolve_node(cli, argv[1], &m.node.nid) != 0)
        return cli_complain("no node has this name, or several");
    return ask(cli, &m, NULL);
}

int cli_forget(const struct cli *cli, int argc, char **argv)
{
    struct message m = {.type = MESSAGE_FORGET};

    if (argc != 2)
        return cli_complain("usage: arena forget NODE");
    if (resolve_node(cli, argv[1], &m.node.nid) != 0)
        return cli_complain("no node has this name, or several");
    return ask(cli, &m, NULL);
}
