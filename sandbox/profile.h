/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SANDBOX_PROFILE_H
#define SANDBOX_PROFILE_H
/*
 * A language is a data file, images/profiles/NAME.json: how to compile, how to run, which
 * files of the machine it may see. Adding a language touches no C. Read by arenad (to build
 * steps), by arena-sandbox (roots and seccomp lists) and, as JSON, by the bridge.
 *
 * Paths in a profile may be patterns of glob(7); they are resolved when the file is read, so
 * what comes out of here are names of this machine. A language whose toolchain is not here is
 * no error: it is in the set, and profile_missing() says what it lacks. Immutable once read;
 * any thread.
 */
#include "base/err.h"
#include "base/limits.h"
#include "sandbox/step.h"

struct profile; /* opaque: one language */

struct profile_set; /* all of a directory */

/* Reads every *.json of `dir`. A file that is wrong is an error that names file and field. */
struct profile_set *profile_set_load(const char *dir, struct err *err);
void profile_set_free(struct profile_set *set);
uint32_t profile_set_len(const struct profile_set *set);
/* In the order of their names. */
const struct profile *profile_set_at(const struct profile_set *set, uint32_t i);
/* By name or alias ("js", "node", "c++"), in either case; NULL = none. */
const struct profile *profile_find(const struct profile_set *set, const char *name);
/* By how a file's name ends ("a.py"); NULL = none. */
const struct profile *profile_find_file(const struct profile_set *set, const char *file);

const char *profile_name(const struct profile *p);
/* "" when this machine has all it needs, else the path that is not there. */
const char *profile_missing(const struct profile *p);
/* The file as it was read, JSON. */
struct span profile_json(const struct profile *p);
bool profile_compiles(const struct profile *p);
/* True when the file's name ends as the language's do. */
bool profile_is_source(const struct profile *p, const char *file);
/* The name the main source file gets when the client gave none ("main.py", "Main.java"). */
const char *profile_source_name(const struct profile *p);

/* A list of strings, borrowed from the profile. */
struct profile_list {
    const char *const *at;
    uint32_t n;
};

/*
 * What arena-sandbox builds a root and a filter from; `phase` is "compile" or "run", any other
 * is an empty list. A profile with a root directory (a toolchain image) has no binds.
 */
/* A directory that is the root, read-only; NULL = an empty root with the binds. */
const char *profile_root(const struct profile *p);
/* Files and directories to be seen, read-only, under the same absolute name; all are there.
 * What is a symbolic link is seen as what it points to. /bin, /lib and /lib64 are not among
 * them: they are links into /usr, which the root always has. */
struct profile_list profile_binds(const struct profile *p, const char *phase);
/* System calls allowed beyond those every program gets (files, memory, processes, threads,
 * signals, time; no sockets). */
struct profile_list profile_syscalls(const struct profile *p, const char *phase);
/* What the language's allocator writes on stderr when it refuses: with a failed exit, any of
 * them makes the end MEMORY. */
struct profile_list profile_memory_errors(const struct profile *p, const char *phase);
/* The most a client may name. NULL = no such phase. */
const struct step_limits *profile_ceilings(const struct profile *p, const char *phase);

/* What a step is made for; borrowed. All of it may be zero. */
struct profile_ask {
    const char *const *sources; /* the names of the job's files, main first */
    uint32_t n_sources;
    const struct span *args; /* the program's */
    uint32_t n_args;
    const struct step_limits *limits; /* 0 in it = the profile's */
};

/*
 * Fills `step` (argv, env, limits, names wanted back) for a phase: "compile", "run" or
 * "version"; NULL asks for nothing special. A wall time that is not named is twice the CPU time
 * that is, and a second; a limit above its ceiling is -ERANGE. The caller adds files and stdin.
 * -ENOENT when the phase is not there or the toolchain is missing. Freed by profile_step_done.
 */
int profile_step(const struct profile *p, const char *phase, const struct profile_ask *ask,
                 struct step *ret_step, struct err *err);
void profile_step_done(struct step *step);

/* Finds the version in what a "version" step wrote. 0 or -EINVAL. */
int profile_version(const struct profile *p, struct span text, char *ret, size_t size);
#endif
