/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SANDBOX_BEGIN_H
#define SANDBOX_BEGIN_H
/* How a run is begun: limits, pipes, and the request to an init. */
#include "sandbox/watch.h"

/* Sends the watch's step to an init of the slot that waits for one, with limits set and what is
 * counted at its beginning. What became of it arrives as reports. */
int begin_run(struct watch *w, struct err *err);
#endif
