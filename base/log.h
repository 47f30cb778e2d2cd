/* SPDX-License-Identifier: MPL-2.0 */
#ifndef BASE_LOG_H
#define BASE_LOG_H
/*
 * A daemon's log: one JSON object a line on standard error, with `time` (RFC 3339, UTC),
 * `level`, `program`, `message` and the fields given. Only programs log; libraries return
 * errors. One write(2) a line, so lines of several threads never mix. Thread safe.
 */
#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log_field {
    const char *name;
    enum { LOG_FIELD_TEXT, LOG_FIELD_INT } kind;
    const char *text; /* any bytes: what is not printable UTF-8 is escaped */
    int64_t number;
};

#define LOG_TEXT(n, t) ((struct log_field){.name = (n), .kind = LOG_FIELD_TEXT, .text = (t)})
#define LOG_INT(n, v)                                                                              \
    ((struct log_field){.name = (n), .kind = LOG_FIELD_INT, .number = (int64_t)(v)})
#define LOG_FIELDS(...)                                                                            \
    (const struct log_field[]){__VA_ARGS__},                                                       \
        (sizeof((struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field))

/* Once, before threads. `program` is borrowed for ever. */
void log_init(const char *program, enum log_level level);
void log_level_set(enum log_level level);
bool log_enabled(enum log_level level);
/* "debug", "info", "warn" or "error"; 0 or -EINVAL. */
int log_level_parse(const char *name, enum log_level *ret_level);

/* log_write(LOG_INFO, "peer joined", LOG_FIELDS(LOG_TEXT("peer", name))); */
void log_write(enum log_level level, const char *message, const struct log_field *fields,
               unsigned n_fields);
/* A message with no fields; printf style. */
void log_plain(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#endif
