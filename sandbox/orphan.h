/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SANDBOX_ORPHAN_H
#define SANDBOX_ORPHAN_H
/*
 * Programs of level lsm whose init, stage and keeper were all killed. Nothing that the kernel
 * knows holds such a program, so it is found by what it has been given and cannot take off, and
 * killed, whichever keeper it was of. Never kills what may be anything else, or what has an init or
 * a stage that will see to it.
 */
#include "sandbox/userns.h"

/* Kills them all, and waits until they are dead, a few seconds at most. `ids`: of our own
 * programs. */
void orphan_sweep(const struct ids *ids);
#endif
