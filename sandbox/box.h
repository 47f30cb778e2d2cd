/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SANDBOX_BOX_H
#define SANDBOX_BOX_H
/*
 * Files into and out of a run's work directory. Only the run's own init calls these, inside
 * its namespaces: in, before the program starts; out, when every process of the run is dead. No
 * symbolic link is followed, nothing outside the directory can be reached, and only regular
 * files with one name are taken.
 */
#include "base/err.h"
#include "sandbox/step.h"
#include "sandbox/userns.h"

/* Is this a name we make: relative, no empty, "." or ".." part? */
bool box_name_ok(const char *name);
/* The step's file that is the program itself, when it can be executed without a copy: sealed, so
 * that nobody can change it. NULL = none. */
const struct step_file *box_program(const struct step *step);
/* Bytes of all of the step's files but `program` (NULL = none). */
uint64_t box_size(const struct step *step, const struct step_file *program);
/* How the step's files are written. */
struct box_how {
    const struct ids *ids;
    const struct step_file *program; /* not written: box_link() has been there. NULL = none */
};
/* A program that is not copied is found under its name all the same. 0 or a negative errno. */
int box_link(int dir, const char *name);
/* Writes the step's files. */
int box_fill(int dir, const struct step *step, const struct box_how *how, struct err *err);

/* Told of each file found; takes `fd`. Non-zero ends the walk. */
typedef int box_found(void *arg, const char *name, bool executable, int fd);
/* Finds what the step wants back. 0; -E2BIG: there are more than STEP_FILES_OUT of them, or more
 * entries than are looked at; or what `found` returned. */
int box_collect(int dir, const struct step *step, box_found *found, void *arg);
#endif
