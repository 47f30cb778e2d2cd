/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SANDBOX_REMOVED_H
#define SANDBOX_REMOVED_H
/*
 * Files that were removed and still take their place on a disk, since somebody has them open: no
 * look at a directory finds them. To look for them may wait for a program (sandbox/looker.h).
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct removed {
    uint64_t bytes;  /* of those that are open */
    unsigned mapped; /* files that are only mapped: of those no size is told */
    bool hidden;     /* some are where nobody can look: on their way in a socket, or in a process
                        that made itself unreadable */
    bool moved;      /* processes or threads came or went meanwhile: what they passed on to each
                        other may have been missed */
};

/* What all below the inits of a keeper, which are its children's children, have of files that were
 * below `folder`, a path without links. */
void removed_measure(int proc, pid_t keeper, const char *folder, struct removed *ret);
#endif
