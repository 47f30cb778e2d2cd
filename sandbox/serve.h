/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SANDBOX_SERVE_H
#define SANDBOX_SERVE_H
/* The keeper process: one slot, one daemon at the other end of a socket (keeper.h). */
#include "base/err.h"
#include "sandbox/level.h"
#include "sandbox/profile.h"

struct serve_options {
    const struct profile_set *profiles;
    enum level min; /* refuse to serve below it */
    bool fresh;
    unsigned mitigations; /* a set of enum mitigation; those that this machine has are used */
};

/* Serves until the socket is closed, then kills and removes all it made. Takes the socket. 0, or
 * a negative errno: -EPERM when the isolation is below the minimum. */
int serve(const struct serve_options *options, int *fd, struct err *err);
#endif
