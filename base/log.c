/* SPDX-License-Identifier: MPL-2.0 */
#include "base/log.h"

#include "base/buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

enum { LOG_LINE_MAX = 8192, LOG_STAMP_MAX = 40 };

static const char *const log_names[] = {
    [LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARN] = "warn", [LOG_ERROR] = "error"};

static const char *log_program = "";
static _Atomic int log_least = LOG_INFO;

void log_init(const char *program, enum log_level level)
{
    log_program = program;
    log_level_set(level);
}

void log_level_set(enum log_level level)
{
    atomic_store(&log_least, (int)level);
}

bool log_enabled(enum log_level level)
{
    return (int)level >= atomic_load(&log_least);
}

int log_level_parse(const char *name, enum log_level *ret_level)
{
    for (size_t i = 0; i < ARRAY_LEN(log_names); i++) {
        if (strcmp(name, log_names[i]) == 0) {
            *ret_level = (enum log_level)i;
            return 0;
        }
    }
    return -EINVAL;
}

/* A byte over 0x7f is escaped by its value: the line stays ASCII whatever a stranger sent. */
static void log_quote(struct buf *line, const char *text)
{
    (void)buf_putc(line, '"');
    for (const unsigned char *p = (const unsigned char *)(text ? text : ""); *p; p++) {
        if (*p == '"' || *p == '\\')
            (void)buf_printf(line, "\\%c", *p);
        else if (*p < 0x20 || *p >= 0x7f)
            (void)buf_printf(line, "\\u%04x", *p);
        else
            (void)buf_putc(line, *p);
    }
    (void)buf_putc(line, '"');
}

static void log_stamp(struct buf *line)
{
    struct timespec now;
    struct tm utc;
    char text[LOG_STAMP_MAX];

    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)gmtime_r(&now.tv_sec, &utc);
    (void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc);
    (void)buf_printf(line, "{\"time\":\"%s.%03ldZ\"", text, now.tv_nsec / 1000000);
}

void log_write(enum log_level level, const char *message, const struct log_field *fields,
               unsigned n_fields)
{
    auto_buf struct buf line;

    buf_init(&line, LOG_LINE_MAX);
    if (!log_enabled(level))
        return;
    log_stamp(&line);
    (void)buf_printf(&line, ",\"level\":\"%s\",\"program\":\"%s\",\"message\":", log_names[level],
                     log_program);
    log_quote(&line, message);
    for (unsigned i = 0; i < n_fields; i++) {
        size_t mark = line.len;

        (void)buf_printf(&line, ",\"%s\":", fields[i].name);
        if (fields[i].kind == LOG_FIELD_INT)
            (void)buf_printf(&line, "%lld", (long long)fields[i].number);
        else
            log_quote(&line, fields[i].text);
        if (line.full || line.len + 2 > LOG_LINE_MAX) { /* a field too long is left out, whole */
            line.len = mark;
            line.full = false;
        }
    }
    (void)buf_puts(&line, "}\n");
    (void)!write(STDERR_FILENO, line.data, line.len);
}

void log_plain(enum log_level level, const char *fmt, ...)
{
    char text[1024];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    log_write(level, text, NULL, 0);
}
