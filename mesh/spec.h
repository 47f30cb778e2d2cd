/* SPDX-License-Identifier: MPL-2.0 */
#ifndef MESH_SPEC_H
#define MESH_SPEC_H
/*
 * A job as its client wrote it: what to run, on what, within which limits. Immutable from
 * the submit on; the mesh carries its encoding and keeps of it what mesh/origin.h says. The bridge
 * encodes it, the executing node decodes it. Bytes in, bytes out; no I/O.
 *
 * Ownership: a decoded spec points into the bytes it was decoded from, and owns only its
 * arrays (spec_done frees those). To encode, fill one with borrowed pointers.
 */
#include "base/buf.h"
#include "base/err.h"
#include "base/id.h"
#include "base/limits.h"
#include "mesh/wire.h"

/* 0 in any field: the server's default for the language. Times in ms, sizes in bytes. */
struct spec_limits {
    uint64_t cpu_ms;
    uint64_t wall_ms;
    uint64_t memory;
    uint64_t output;
    uint64_t processes;
    uint64_t compile_ms;
    uint64_t compile_memory;
    uint64_t stack;
    uint64_t file_size;
};

struct spec_file {
    char name[LIMIT_FILE_NAME + 1]; /* relative, no "..", checked by spec_name_ok() */
    struct span content;
};

struct spec_test {
    char name[LIMIT_TAG + 1];
    struct span input;
    bool has_expected;
    struct span expected;
    bool has_args; /* else the job's own */
    uint32_t n_args;
    struct span *args;
    uint32_t weight;
    bool hidden;
};

/* X(name in the API) */
#define SPEC_CHECKERS(X)                                                                           \
    X(LINES, "lines") /* the default: trailing space of lines and empty last lines ignored */      \
    X(EXACT, "exact")                                                                              \
    X(TRIM, "trim")       /* white space at both ends of the whole output ignored */               \
    X(TOKENS, "tokens")   /* any white space separates */                                          \
    X(FLOAT, "float")     /* tokens; numbers within `absolute` or `relative` */                    \
    X(PROGRAM, "program") /* `code` in `language`: argv input output expected, exit 0 accepts */

enum spec_checker_type {
#define X(id, name) SPEC_CHECKER_##id,
    SPEC_CHECKERS(X)
#undef X
        SPEC_CHECKER_N
};
const char *spec_checker_name(enum spec_checker_type t);
/* 0, or -EINVAL when there is none of that name. */
int spec_checker_parse(const char *name, enum spec_checker_type *ret_type);

struct spec_checker {
    enum spec_checker_type type;
    double absolute;
    double relative;
    char language[LIMIT_NAME + 1];
    struct span code;
};

/* What the mesh itself needs to know of a job. */
struct spec_head {
    char tenant[LIMIT_NAME + 1]; /* "" = the anonymous tenant */
    char language[LIMIT_NAME + 1];
    uint8_t priority;           /* 0 (most urgent) .. LIMIT_PRIORITIES - 1; the default is 2 */
    uint8_t attempts_max;       /* times the system may try, 1 .. LIMIT_ATTEMPTS */
    uint32_t backoff_ms;        /* before attempt 2; doubles with each, jitter added */
    uint32_t delay_ms;          /* before it may start at all */
    uint32_t retain_s;          /* how long the result is kept; 0 = the server's default */
    bool keyed;                 /* `key` is set: same key, same job */
    uint8_t key[ID_SIZE];       /* hash over tenant and idempotency key, made by the bridge */
    uint8_t body_hash[ID_SIZE]; /* hash of the request, to tell a reuse of the key for another */
};

/* The members of a head, see mesh/field.h. */
extern const struct field_table spec_head_plain;

struct spec {
    struct spec_head head;
    uint8_t n_tags;
    char tags[LIMIT_TAGS][LIMIT_TAG + 1];
    char version[LIMIT_NAME + 1]; /* version range of the language, "" = any */
    uint32_t n_files;             /* files[0] is the main one */
    struct spec_file *files;
    uint32_t n_args;
    struct span *args;
    struct span input;
    uint32_t n_tests; /* 0: one run on `input`, nothing compared */
    struct spec_test *tests;
    struct spec_checker checker;
    struct spec_checker interactor; /* type PROGRAM when there is one, else code.len == 0 */
    struct spec_limits limits;
    bool stop_on_failure;
    bool stream_output; /* output events are wanted while it runs */
    char callback[LIMIT_URL + 1];
};

/* Encodes the whole; 0, or -E2BIG (and nothing written) when it, or anything in it, is over its
 * limit. */
int spec_encode(const struct spec *s, struct buf *out);
/* 0, or -EBADMSG with what was wrong. A decoded spec has a language, an attempt, and files
 * with good names that differ. On success spec_done() is due. */
int spec_decode(struct span bytes, struct spec *ret_spec, struct err *err);
void spec_done(struct spec *s);
/* A file name a program may be given: 1..LIMIT_FILE_NAME bytes, relative, no empty, "." or
 * ".." component, no NUL, control character or backslash. */
bool spec_name_ok(const char *name);
#endif
