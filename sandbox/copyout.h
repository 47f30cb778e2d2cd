/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SANDBOX_COPYOUT_H
#define SANDBOX_COPYOUT_H
/* A file that a program made, as a sealed memfd of our own. */
#include <stdint.h>

/* Copies at most `max` bytes of `fd`, which must be a regular file. Returns the memfd, sealed
 * against every change, or a negative errno. Closes nothing. */
int copyout(int fd, uint64_t max);
#endif
