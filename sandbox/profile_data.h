/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SANDBOX_PROFILE_DATA_H
#define SANDBOX_PROFILE_DATA_H
/*
 * A language as it is in memory, for profile.c (what is asked of it) and profile_json.c (how
 * it is read) alone. Strings are owned; a list of profile_list is own_calloc'ed strings.
 */
#include "base/buf.h"
#include "sandbox/profile.h"

struct profile_phase {
    struct profile_list argv, outputs, environment, binds, syscalls, memory_errors;
    uint64_t memory_overhead;
    struct step_limits limits, ceilings;
};

struct profile {
    char *name, *title, *source_name, *example, *root;
    struct profile_list aliases, extensions;
    struct profile_list paths; /* "NAME=PATH", resolved */
    char *version_phase, *version_prefix;
    struct profile_list version_argv;
    struct profile_phase *compile, *run; /* compile: NULL = none */
    char *json;
    size_t json_len;
    char missing[LIMIT_TEXT];
};

/* Reads one language from JSON text (NUL-terminated); `file` is for the messages. NULL = wrong. */
struct profile *profile_parse(const char *file, const char *text, size_t len, struct err *err);
void profile_free(struct profile *p);

/* Puts an owned string at the end of a list. */
void profile_list_add(struct profile_list *l, char *owned);
void profile_list_free(struct profile_list *l);

/* "compile", "run" or "version" (which is one of the two); NULL = no such phase. */
const struct profile_phase *profile_phase(const struct profile *p, const char *phase);
#endif
