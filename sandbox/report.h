/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SANDBOX_REPORT_H
#define SANDBOX_REPORT_H
/* Sending and reading the reports of run.h. Safe after vfork(). */
#include "sandbox/run.h"

/* Sends one, with `fd` if it is >= 0. 0 or a negative errno. */
int report_send(int sock, const struct report *r, int fd);
/* One that is nothing but a descriptor. */
int report_fd(int sock, enum report_what what, int fd);
/* Reads one. 1; 0 = none now; -EPIPE = the init is gone. *ret_fd is -1 or owned. */
int report_read(int sock, struct report *ret, int *ret_fd);
#endif
