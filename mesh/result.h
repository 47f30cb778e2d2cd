/* SPDX-License-Identifier: MPL-2.0 */
#ifndef MESH_RESULT_H
#define MESH_RESULT_H
/*
 * What came of a job: encoded by the node that ran it, replicated as bytes, decoded by the
 * bridge. A decoded result points into its bytes and owns only its arrays.
 */
#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "mesh/wire.h"

/* X(id, name in the API) */
#define RESULT_VERDICTS(X)                                                                         \
    X(ACCEPTED, "accepted")                                                                        \
    X(WRONG_ANSWER, "wrong_answer")                                                                \
    X(TIME_LIMIT, "time_limit_exceeded")                                                           \
    X(MEMORY_LIMIT, "memory_limit_exceeded")                                                       \
    X(OUTPUT_LIMIT, "output_limit_exceeded")                                                       \
    X(RUNTIME_ERROR, "runtime_error")                                                              \
    X(COMPILE_ERROR, "compile_error")                                                              \
    X(CANCELLED, "cancelled")                                                                      \
    X(INTERNAL_ERROR, "internal_error")                                                            \
    X(SKIPPED, "skipped") /* of a test only: stop_on_failure ended the job before it */

enum result_verdict {
#define X(id, name) RESULT_##id,
    RESULT_VERDICTS(X)
#undef X
        RESULT_VERDICT_N
};
const char *result_verdict_name(enum result_verdict v);

/* Why. `kind` is a word for machines ("exit_code", "signal", "cpu_time", "wall_time", "memory",
 * "output", "processes", "syscall", "difference", "checker", ...), `detail` a sentence. */
struct result_cause {
    char kind[LIMIT_NAME + 1];
    char detail[LIMIT_TEXT + 1];
    int64_t line; /* of the first difference, 1-based; 0 = none */
};

/* Of an interactive test: the program and the interactor that talked with it. */
enum result_side { RESULT_NOBODY, RESULT_PROGRAM, RESULT_INTERACTOR, RESULT_BOTH };
struct result_talk {
    uint32_t first;   /* enum result_side: who ended first; RESULT_NOBODY = it was no dialogue */
    uint32_t late;    /* enum result_side: whose time ran out */
    struct span said; /* in the order it was heard; lines begin with "> " (program) or "< " */
    bool truncated;
};
enum { RESULT_SAID_MAX = 16 * LIMIT_KIB }; /* bytes of `said` */

/* One run of one program. */
struct result_run {
    int32_t exit_code; /* -1 when a signal ended it */
    int32_t signal;    /* 0 = none */
    uint64_t cpu_us;
    uint64_t wall_us;
    uint64_t memory; /* peak bytes */
    bool stdout_truncated;
    bool stderr_truncated;
    struct span out;
    struct span err;
    /* timing quality: how far the figures can be trusted */
    uint64_t switches_voluntary;
    uint64_t switches_forced;
    uint64_t pressure_us;  /* time the run's tasks waited for a CPU, where the kernel tells */
    uint64_t steal_us;     /* time the hypervisor took from this machine while it ran */
    uint64_t cpu_khz;      /* frequency at its end; 0 = not known */
    uint64_t overshoot_us; /* how far past a limit it got before it was stopped */
    struct result_talk talk;
};

struct result_test {
    uint32_t index; /* 0-based, the order of the spec */
    char name[LIMIT_TAG + 1];
    enum result_verdict verdict;
    struct result_cause cause;
    struct result_run run;
    uint32_t weight;
    bool hidden;
};

struct result {
    enum result_verdict verdict;
    struct result_cause cause;
    bool has_compile;
    struct result_run compile;
    struct result_run run; /* of the job without tests, or of the test that decided */
    uint32_t n_tests;
    struct result_test *tests;
    uint32_t passed;
    uint32_t total;
    char node[LIMIT_NAME + 1];      /* that ran it */
    char isolation[LIMIT_NAME + 1]; /* level it ran at: full, ns, ns-noproc, lsm */
    char version[LIMIT_NAME + 1];   /* of the language */
};

/* 0, or -E2BIG (and nothing written) when over LIMIT_RESULT. */
int result_encode(const struct result *r, struct buf *out);
/* 0 or -EBADMSG; on success result_done() is due. */
int result_decode(struct span bytes, struct result *ret_result, struct err *err);
void result_done(struct result *r);

/* Something that happened while a job ran, for its watchers. Lossy, small. */
#define RESULT_EVENTS(X)                                                                           \
    X(COMPILED, "compiled")                                                                        \
    X(TEST, "test")         /* one test finished: `test` without its output */                     \
    X(PROGRESS, "progress") /* done / total */                                                     \
    X(OUTPUT, "output")     /* a piece of stdout (stream 1) or stderr (2) */

enum result_event_kind {
#define X(id, name) RESULT_EVENT_##id,
    RESULT_EVENTS(X)
#undef X
        RESULT_EVENT_N
};
const char *result_event_name(enum result_event_kind k);

struct result_event {
    enum result_event_kind kind;
    uint32_t done;
    uint32_t total;
    int32_t exit_code;       /* of the compiler */
    struct result_test test; /* run.out and run.err are empty */
    uint8_t stream;
    struct span piece;
};

/* As above. A decoded event points into its bytes and owns nothing. */
int result_event_encode(const struct result_event *e, struct buf *out);
int result_event_decode(struct span bytes, struct result_event *ret_event, struct err *err);
#endif
