/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SANDBOX_TRACE_H
#define SANDBOX_TRACE_H
/*
 * Writes down every system call that a program in the sandbox makes, for tests/calls: in the same
 * root, with the same limits, as the same user, but with every call that any profile may name
 * allowed. In a test's program only (sandbox/mutant.h), where it is mutant `traced_calls`; the
 * variable SANDBOX_TRACE names the folder, and each keeper writes the file of its process id there:
 * a line "NAME ARG ARG ARG ARG ARG ARG" for each call, the arguments in hexadecimal.
 */
#include <linux/seccomp.h>

/* What we call ourselves behind the filter while nobody listens, and every program may call. */
#define TRACE_UNSEEN "sendmsg", "close", "futex", "prlimit64", "exit_group"

/* Writes one call down and answers it. */
void trace_call(int listener, const struct seccomp_notif *ask, const char *name);
#endif
