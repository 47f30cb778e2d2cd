/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SANDBOX_PROFILE_H
#define SANDBOX_PROFILE_H
/*
 * A language is a data file, images/profiles/NAME.json: how to compile, how to run, which
 * files of the machine it may see. Adding a language touches no C. Read by arenad (to build
 * steps), by arena-sandbox (roots and seccomp lists) and, as JSON, by the bridge.
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
const struct profile *profile_set_at(const struct profile_set *set, uint32_t i);
/* By name or alias ("js", "node", "c++"); NULL = none. */
const struct profile *profile_find(const struct profile_set *set, const char *name);

const char *profile_name(const struct profile *p);
/* The file as it was read, JSON. */
struct span profile_json(const struct profile *p);
bool profile_compiles(const struct profile *p);
/* The name the main source file gets when the client gave none ("main.py", "Main.java"). */
const char *profile_source_name(const struct profile *p);

/*
 * Fills `step` (argv, env, limits, names wanted back) for a phase: "compile", "run" or
 * "version". `sources` are the job's files, main first; `args` the program's. Limits of 0 in
 * `limits` become the profile's. The caller adds files and stdin. Frees with profile_step_done.
 */
int profile_step(const struct profile *p, const char *phase, const char *const *sources,
                 uint32_t n_sources, const struct span *args, uint32_t n_args,
                 const struct step_limits *limits, struct step *ret_step, struct err *err);
void profile_step_done(struct step *step);
#endif
