/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SANDBOX_SELFTEST_H
#define SANDBOX_SELFTEST_H
/*
 * The core of the hostile battery, for every start of a node: the probe that arena-sandbox
 * carries inside is run once for each row of a table, in a keeper started for it, and how it
 * ended is compared with how it must. Takes a second or two. One thread.
 */
#include "base/err.h"
#include "base/limits.h"

#include <stdbool.h>
#include <stdint.h>

struct selftest_row {
    const char *name;       /* of the probe */
    const char *protection; /* what must hold, in words: what is missing when it does not */
    bool held;
    const char *level;
    bool promised;        /* by the level that this machine has; else it was not tried */
    char why[LIMIT_TEXT]; /* "" when it held */
    uint64_t us;
};

typedef void selftest_say(void *arg, const struct selftest_row *row);

/*
 * `program` is arena-sandbox itself. Tells of each row as it is known, also of those that the
 * machine's level does not promise. Returns how many did not hold; a negative errno when the
 * sandbox could not be tried at all, which is no better.
 */
int selftest_run(const char *program, selftest_say *say, void *arg, struct err *err);
#endif
