/* SPDX-License-Identifier: MPL-2.0 */
#ifndef NODE_PROGRAM_H
#define NODE_PROGRAM_H
/*
 * A program of a job (the solution, its checker): sources in sealed memfds, a language, and,
 * once it was compiled, what the compiler made. Of a compiled language the artefacts that the
 * profile names reach the run, and those of the job's files that are no sources; an interpreted one
 * runs from all of them. Does no I/O but on memfds; starts nothing.
 */
#include "mesh/spec.h"
#include "sandbox/profile.h"

enum program_state { PROGRAM_SOURCE, PROGRAM_COMPILING, PROGRAM_READY, PROGRAM_BAD };

/* What this node gives when a client names no limit; 0 = the language's own. */
struct program_policy {
    uint64_t cpu_ms;
    uint64_t memory;
    uint64_t output;
    uint64_t compile_ms;
};

struct program {
    const struct profile *profile;
    enum program_state state;
    struct step_file *files; /* owned, with their descriptors */
    uint32_t n_files;
    char (*names)[LIMIT_FILE_NAME + 1]; /* of the sources, main first */
    uint32_t n_names;
};

/* A sealed memfd with these bytes, or -errno. */
int program_memfd(const char *name, struct span bytes);

/* `files` are copied into memfds; a main file without a name gets the language's. */
int program_init(struct program *p, const struct profile *profile, const struct spec_file *files,
                 uint32_t n, struct err *err);
void program_done(struct program *p);

/* What a step of this program is made for. */
struct program_ask {
    const char *phase; /* "compile" or "run" */
    const struct span *args;
    uint32_t n_args;
    const struct spec_limits *limits;
    const struct program_policy *policy;
    const struct step_file *more; /* beside the program's own; descriptors lent */
    uint32_t n_more;
    int stdin_fd; /* lent; -1 = none */
    bool stream;
};
/* Fills a step; its files are lent. program_step_done() is due. */
int program_step(const struct program *p, const struct program_ask *ask, struct step *ret_step,
                 struct err *err);
void program_step_done(struct step *step);
/* Takes the artefacts out of the outcome of the "compile" step, in place of the sources. */
void program_compiled(struct program *p, struct step_outcome *o);
#endif
