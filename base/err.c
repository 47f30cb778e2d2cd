/* SPDX-License-Identifier: MPL-2.0 */
#include "base/err.h"

#include "base/own.h"

#include <errno.h>
#include <stdio.h>

static void err_format(struct err *err, const char *fmt, va_list ap)
{
    if (err)
        (void)vsnprintf(err->text, sizeof(err->text), fmt, ap);
}

int err_set(struct err *err, int code, const char *fmt, ...)
{
    va_list ap;

    code = code < 0 ? -code : code;
    if (err)
        err->code = code;
    va_start(ap, fmt);
    err_format(err, fmt, ap);
    va_end(ap);
    return -code;
}

int err_errno(struct err *err, const char *fmt, ...)
{
    int code = errno ? errno : EIO;
    va_list ap;

    if (!err)
        return -code;
    err->code = code;
    va_start(ap, fmt);
    err_format(err, fmt, ap);
    va_end(ap);

    size_t used = strlen(err->text);
    (void)snprintf(err->text + used, sizeof(err->text) - used, ": %s", strerror(code));
    return -code;
}

int err_wrap(struct err *err, const char *fmt, ...)
{
    char inner[ERR_TEXT_MAX];
    va_list ap;

    if (!err)
        return -EIO;
    memcpy(inner, err->text, sizeof(inner));
    va_start(ap, fmt);
    err_format(err, fmt, ap);
    va_end(ap);

    size_t used = strlen(err->text);
    (void)snprintf(err->text + used, sizeof(err->text) - used, ": %s", inner);
    return -err->code;
}
