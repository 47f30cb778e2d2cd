/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SANDBOX_TERMINAL_H
#define SANDBOX_TERMINAL_H
/*
 * A terminal for one run. It is the only one of a devpts instance that is made for it, and whose
 * mount is gone before the program starts: no name leads to it, nor from it to any other
 * terminal. What is typed into it by force (TIOCSTI) its program reads itself.
 */
#include "base/err.h"
#include "sandbox/step.h"

/* Called by a run's init, before the work directory is mounted: its place is used. Both ends are
 * CLOEXEC: ret_ends[0] is the outer one, [1] the program's. */
int terminal_open(const struct step *step, int ret_ends[2], struct err *err);
/* Makes `fd` the controlling terminal of this process, which leads a session. Safe after vfork().
 * 0 or a negative errno. */
int terminal_control(int fd);
#endif
