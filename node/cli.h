/* SPDX-License-Identifier: MPL-2.0 */
#ifndef NODE_CLI_H
#define NODE_CLI_H
/*
 * `arena`, the command line: what its commands share. Each command gets its own arguments
 * (argv[0] is its name) and returns the exit status: 0 well, 1 not what was hoped for (a
 * verdict that is not accepted), 2 it could not be done.
 */
#include "node/client.h"

#include <stdio.h>

enum { CLI_TIMEOUT_MS = 10000 };

struct cli {
    const char *peers;    /* comma list of endpoints */
    const char *key_file; /* NULL = none */
    const char *profile_dir;
};

/* Connects to the first peer that answers; a message on stderr and NULL when none does. */
struct client *cli_connect(const struct cli *cli);
/* "arena: text" on stderr; returns 2. */
int cli_complain(const char *text);
/* The path of another program of ours, beside this one. 0 or a negative errno. */
int cli_beside(const char *name, char *out, size_t size);

/* What the arguments of a session describe, encoded; standard input is not read. */
int cli_spec(const struct cli *cli, int argc, char **argv, struct buf *out, struct err *err);

/* X(name, usage, help); the functions are cli_NAME(). */
#define CLI_COMMANDS(X)                                                                            \
    X(run, "[options] FILE [-- ARG...]", "run a program on the mesh and show what it wrote")       \
    X(session, "[options] FILE [-- ARG...]", "run a program and talk to it while it runs")         \
    X(submit, "[options] FILE [-- ARG...]", "submit a program and print its job id")               \
    X(status, "JOB", "what became of a job")                                                       \
    X(cancel, "JOB", "cancel a job, queued or running")                                            \
    X(nodes, "", "the nodes of the mesh")                                                          \
    X(languages, "", "the languages of the mesh")                                                  \
    X(top, "[--once]", "the mesh's figures, every second")                                         \
    X(drain, "[NODE | --wait SECONDS]", "let a node hand over its work and go")                    \
    X(forget, "NODE", "a node is gone for good: its copies are made again elsewhere")              \
    X(keygen, "FILE", "make a cluster key")                                                        \
    X(check, "[--config FILE]", "check arenad's settings")                                         \
    X(selftest, "[ARG...]", "let the sandbox prove itself on this machine")                        \
    X(up, "[--nodes N] [--http PORT] [--chaos]", "a real mesh on this machine")

#define X(name, usage, help) int cli_##name(const struct cli *cli, int argc, char **argv);
CLI_COMMANDS(X)
#undef X
#endif
