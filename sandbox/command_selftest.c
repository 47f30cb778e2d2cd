/* SPDX-License-Identifier: MPL-2.0 */
#include "sandbox/command.h"

#include "base/own.h"
#include "sandbox/selftest.h"

#include <stdio.h>

struct tally {
    bool quiet;
    unsigned held, failed, skipped;
};

static void say(void *arg, const struct selftest_row *row)
{
    struct tally *t = arg;

    if (!row->promised) {
        t->skipped++;
        (void)printf("skip: a program %s (%s): level %s does not promise it\n", row->protection,
                     row->name, row->level);
        return;
    }
    t->held += row->held;
    t->failed += !row->held;
    if (row->held && !t->quiet)
        (void)printf("ok    a program %s (%s, %u ms)\n", row->protection, row->name,
                     (unsigned)(row->us / 1000));
    if (!row->held)
        (void)printf("FAIL  not so: a program %s (%s): %s\n", row->protection, row->name, row->why);
    (void)fflush(stdout);
}

int command_selftest(int argc, char **argv)
{
    struct tally t = {.quiet = argc == 2 && strcmp(argv[1], "--quiet") == 0};
    struct err err = {0};

    if (argc > 2 || (argc == 2 && !t.quiet))
        return command_complain("usage: selftest [--quiet]");
    int r = selftest_run(command_self(), say, &t, &err);
    if (r < 0)
        (void)command_complain("%s", err.text);
    (void)printf("%u passed, %u failed, %u skipped\n", t.held, t.failed, t.skipped);
    return r == 0 ? 0 : 1;
}
