/* SPDX-License-Identifier: MPL-2.0 */
#ifndef BASE_ERR_H
#define BASE_ERR_H
/*
 * What went wrong, for a person to read. A fallible function returns 0 (or a count) or a
 * negative errno value and takes `struct err *err` last; the struct lives on the caller's
 * stack, its text is fixed in size, and nothing is ever allocated. `err` may be NULL.
 *
 * A library fills it and returns; only a daemon's own layer logs it, once.
 */
#include <stdarg.h>

enum { ERR_TEXT_MAX = 256 };

struct err {
    int code; /* a positive errno value, 0 when nothing is wrong */
    char text[ERR_TEXT_MAX];
};

/* Sets `err` and returns -code. `code` may be given with either sign. */
int err_set(struct err *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* The same with ": <strerror(errno)>" behind the text; takes its code from errno. */
int err_errno(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Puts "context: " before the text that is there; returns -err->code. */
int err_wrap(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#endif
