/* SPDX-License-Identifier: MPL-2.0 */
#ifndef BASE_CONFIG_H
#define BASE_CONFIG_H
/*
 * A program's settings as one table: name, kind, default, range and a sentence, from which
 * the values, the error messages and --help all come. A value is taken from the environment
 * first, then from the file, then from the table's default.
 *
 * A name in the file that is in no table is refused, so that a misspelt setting is not silently
 * ignored. (The environment holds much that is not ours.)
 *
 *     static const struct config_key keys[] = {
 *         {"QUEUE_MAX_DEPTH", CONFIG_UINT, "1000", 1, 1000000, "waiting jobs before 429", true},
 *         ...
 *     };
 *
 * Values are copied in; config_text() and the others lend them until config_free() or the
 * next load of that key. One thread loads; any may read after.
 */
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum config_kind {
    CONFIG_TEXT,   /* min..max: its length in bytes; max 0 = 4096 */
    CONFIG_UINT,   /* a whole number */
    CONFIG_SIZE,   /* bytes: 65536, 64k, 128m, 2g (powers of 1024) */
    CONFIG_MILLIS, /* a time: 10 or 10s (seconds), 250ms, 5m, 1h, 30d; kept in ms */
    CONFIG_BOOL,   /* true, false, yes, no, on, off, 1, 0 */
    CONFIG_REAL,   /* a decimal number, 0.5; kept in thousandths, range too */
};

struct config_key {
    const char *name;
    enum config_kind kind;
    const char *fallback; /* as text; NULL = "" */
    uint64_t min;         /* 0 and 0: no range */
    uint64_t max;
    const char *help;
    bool reload; /* may change while the program runs */
    bool secret; /* never printed */
};

struct config;

/* `keys` is borrowed for ever. Starts with the defaults, which must be right. */
struct config *config_new(const struct config_key *keys, size_t n);
void config_free(struct config *c);

/* The entries of a file in czmq's zconfig format, `NAME = VALUE` lines. An error names the file. */
int config_load(struct config *c, const char *path, struct err *err);
/* One entry of the file. -ENOENT: no such key; -EINVAL, -ERANGE: a bad value; `err` says which. */
int config_set_file(struct config *c, const char *name, const char *value, struct err *err);
/* All of the environment. With `names` not NULL: instead of the process's own (NAME=VALUE). */
int config_set_environment(struct config *c, char *const *names, struct err *err);
/* Takes from `fresh` the values of keys that may be reloaded. Returns how many differ;
 * *ret_kept gets the name of one that differs but needs a restart, or NULL. */
unsigned config_reload(struct config *c, const struct config *fresh, const char **ret_kept);

/* Asking for a name that is not in the table, or for another kind, aborts. */
const char *config_text(const struct config *c, const char *name);
uint64_t config_uint(const struct config *c, const char *name); /* all kinds but TEXT */
bool config_bool(const struct config *c, const char *name);

/* Every key with its default and sentence, for --help. */
void config_help(const struct config *c, FILE *out);
#endif
